/**
 * Names that people choose and others read: usernames, display names, nicknames. A character that nobody sees and that acts on
 * the text around it makes one name look like another, or turns the sentence around it: such a name is refused.
 *
 * WebAuthn §5.4.1 and §5.4.3 send relying parties to PRECIS, which disallows all of these (RFC 8264 §9.11 to §9.13) but for two
 * joiners that words are written with (RFC 5892, appendices A.1 and A.2). It does not know emoji: they are as UTS #51 has them.
 * Letters and marks that only look alike, or are empty, are left to the application's `canonicalName` and `create`.
 */

/** Controls, format characters, and what ends a line or a paragraph. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Signs that take the vowel away and join two consonants, of the scripts that are written today. */
const VIRAMA = '[\\u094d\\u09cd\\u0a4d\\u0acd\\u0b4d\\u0bcd\\u0c4d\\u0ccd\\u0d4d\\u0dca\\u1039\\u17d2]';

/** Scripts whose letters join, so that a non-joiner between two of them is seen. Persian words need it. */
const CURSIVE = `[${['Arab', 'Syrc', 'Nkoo', 'Mand', 'Mong', 'Adlm', 'Rohg'].map((script) => `\\p{scx=${script}}`).join('')}]`;

const PICTURE = '\\p{Extended_Pictographic}';

/** Format characters in their place, where they are part of a word or a picture. */
const IN_PLACE = new RegExp(
  [
    // RFC 5892 A.1 and A.2; before the virama as well: so Bengali writes ya-phalaa after ra.
    `(?<=${VIRAMA})[\\u200c\\u200d]`,
    `\\u200d(?=${VIRAMA})`,
    // RFC 5892 A.1.
    `(?<=${CURSIVE})\\u200c(?=${CURSIVE})`,
    // UTS #51: a joined emoji (ED-16), and the flag of a part of a country (ED-14a).
    `(?<=${PICTURE}[\\ufe0f\\p{Emoji_Modifier}]*)\\u200d(?=${PICTURE})`,
    '(?<=\\u{1f3f4})[\\u{e0030}-\\u{e0039}\\u{e0061}-\\u{e007a}]{3,6}\\u{e007f}',
  ].join('|'),
  'gu',
);

/** Whether a name holds nothing that acts unseen on the text around it. */
export function isFitName(name: string): boolean {
  return !UNFIT.test(name) || !UNFIT.test(name.replace(IN_PLACE, ''));
}
