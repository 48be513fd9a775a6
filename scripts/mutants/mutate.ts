/** What a mutant is, and how it gets into a file's text. */

/** One check taken out, or turned round; the tests that must notice it. Paths from the root of the repository. */
export interface Mutant {
  readonly file: string;
  /** Text that is there exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The narrowest test files. */
  readonly tests: readonly string[];
  /** Only the tests whose names match this pattern. */
  readonly named?: string;
}

/** The file's text with the mutant in it. Throws where its text is not there, or is there twice: then the table is out of date. */
export function mutate(text: string, { file, find, replace }: Pick<Mutant, 'file' | 'find' | 'replace'>): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(`${file}: ${parts.length === 1 ? 'not found' : `found ${parts.length - 1} times`}: ${find}`);
  }
  return parts.join(replace);
}
