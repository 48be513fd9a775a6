// Which names are refused: what acts unseen on the text around, and nothing that a word or a picture is written with.

import { describe, expect, it } from 'vitest';
import { isFitName } from '../src/names.ts';

describe('a name', () => {
  it.each([
    ['letters of any script, marks, digits, spaces, punctuation', 'Zoë O’Brien-García 3, 李小龍 สมชาย अर्जुन'],
    ['Persian with a non-joiner (RFC 5892 A.1)', 'می\u200cخواهم'],
    ['Sinhala with a joiner after a virama (RFC 5892 A.2)', 'ශ්\u200dරී'],
    ['Hindi with a non-joiner after a virama (RFC 5892 A.1)', 'क्\u200cष'],
    ['Bengali with a joiner before a virama', 'র\u200d্যাব'],
    ['Malayalam that ends with a joiner', 'അവന്\u200d'],
    [
      'joined emoji (UTS #51, ED-16)',
      '👩🏽\u200d💻 👨\u200d👩\u200d👧 🏳\ufe0f\u200d🌈 ❤\ufe0f\u200d🔥 👁\ufe0f\u200d🗨\ufe0f 🧑🏿\u200d🤝\u200d🧑🏻',
    ],
    ['the flag of Scotland (UTS #51, ED-14a)', '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}'],
  ])('may have %s', (_, name) => expect(isFitName(name)).toBe(true));

  it.each([
    ['an override', 'live\u202eevil'],
    ['an embedding, an isolate or a mark of direction', '\u202ba\u2067b\u200fc'],
    ['a space that nobody sees', 'a\u200bda'],
    ['a non-joiner between letters that do not join', 'a\u200cda'],
    ['a joiner between letters that do not join', 'a\u200dda'],
    ['a joiner after an emoji that joins nothing', '👩\u200d'],
    ['a joiner at the beginning', '\u200dअ'],
    ['a joiner between Arabic letters', 'ه\u200dه'],
    ['a soft hyphen', 'a\u00adda'],
    ['a byte order mark', '\ufeffada'],
    ['text in tags', 'ada\u{e0065}\u{e0076}\u{e0065}\u{e007f}'],
    ['more in tags than a flag has', '🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e0067}\u{e0062}\u{e007f}'],
    ['a control', 'a\u0007'],
    ['a line end', 'a\nb'],
    ['a separator of lines or paragraphs', 'a\u2028b\u2029'],
  ])('may not have %s', (_, name) => expect(isFitName(name)).toBe(false));
});
