/** How a command can end other than well, and the exit code of each. Scripts rely on these numbers. */

export const EXIT = {
  /** Done, and nothing is wrong. */
  fine: 0,
  /** Done, and something was found: a fault in a set-up, an edited log, a row that cannot be used. */
  findings: 1,
  /** The command line is wrong. */
  usage: 2,
  /** A database, a site or a file did not answer. */
  unreachable: 3,
  /** A fault of this program, or an answer that it does not understand. */
  broken: 4,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
  /** Whoever read the output went away. */
  unheard: 141,
} as const;

export type ExitName = keyof typeof EXIT;

/** An end that is explained by its message alone. */
export class Fault extends Error {
  readonly exit: ExitName;

  constructor(exit: ExitName, message: string, cause?: unknown) {
    super(message, { cause });
    this.exit = exit;
  }
}

/** What an error says, in one line; a connection that failed at several addresses says nothing by itself. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return error.message === '' ? (code ?? error.name) : error.message;
}
