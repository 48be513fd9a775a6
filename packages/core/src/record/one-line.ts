/** Text from outside, made fit for a log line. */

/** Text from outside, fit for a log: one line, bounded, without control or direction-changing characters. */
export function oneLine(text: string, most: number): string {
  const bounded = text.slice(0, most);
  if (PLAIN.test(bounded)) return bounded;
  return bounded
    .toWellFormed()
    .replace(UNFIT, (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`);
}

/** What nearly every text from outside is: printable ASCII, and so nothing of {@link UNFIT}. */
const PLAIN = /^[ -~]*$/;

const UNFIT = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
