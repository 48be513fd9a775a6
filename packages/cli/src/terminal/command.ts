/** What every command has in common: its options for a store, and how its work is run and ended. */
import { milliseconds } from '@latchkey/core';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { EXIT, type ExitName, Fault, messageOf } from './fault.ts';
import { createOutput, jsonLine, type Output } from './output.ts';
import { withoutPasswords } from './secrets.ts';

/** What a command's work gets beside its options. */
export interface Context {
  readonly out: Output;
  /** Aborts at Ctrl-C: stop at the next safe place. */
  readonly signal: AbortSignal;
}

export interface StoreOptions {
  readonly store?: string;
  readonly prefix?: string;
  readonly schema?: string;
}

export function storeOptions(command: Command, what = 'where the state is'): Command {
  return command
    .addOption(
      new Option('--store <url>', `${what}: postgres://…, mysql://…, sqlite:FILE or redis://…`).env('LATCHKEY_STORE'),
    )
    .option('--prefix <prefix>', 'what the names of tables (latchkey_) or keys (latchkey:) begin with')
    .option('--schema <schema>', 'the PostgreSQL schema or the MySQL database the tables are in');
}

export const jsonOption = (command: Command, shape: string): Command => command.option('--json', `print ${shape}`);

/** Examples below a command's help: what to type, and what for. */
export function examples(command: Command, lines: Readonly<Record<string, string>>): Command {
  const shown = Object.entries(lines).map(([what, line]) => `  ${what}\n    $ ${line}`);
  return command.addHelpText('after', `\nExamples:\n${shown.join('\n')}`);
}

/** Runs a command's work to its exit code. It never throws. */
export function runs<Options extends { json?: boolean }>(
  work: (options: Options, context: Context, ...args: string[]) => Promise<ExitName>,
) {
  // Commander hands over the arguments, then the options, then the command.
  return async (...given: unknown[]): Promise<void> => {
    const options = given.at(-2) as Options;
    const args = given.slice(0, -2) as string[];
    const out = createOutput(options.json === true);
    const interruption = new AbortController();
    const interrupt = () => {
      if (interruption.signal.aborted) process.exit(EXIT.interrupted);
      interruption.abort();
    };
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    let exit: ExitName;
    try {
      exit = await work(options, { out, signal: interruption.signal }, ...args);
      if (interruption.signal.aborted && exit !== 'fine') exit = 'interrupted';
    } catch (error) {
      exit = interruption.signal.aborted ? 'interrupted' : complain(out, error);
    } finally {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    }
    if (exit === 'interrupted') out.note('Interrupted.');
    process.exitCode = EXIT[exit];
  };
}

function complain(out: Output, error: unknown): ExitName {
  const exit = error instanceof Fault ? error.exit : 'broken';
  const message = withoutPasswords(messageOf(error));
  if (out.json) process.stderr.write(`${jsonLine({ error: { exit, message } })}\n`);
  else out.note(message);
  // Stacks alone: drivers hang their settings on errors, and passwords with them.
  if (exit === 'broken' && process.env.LATCHKEY_DEBUG) for (const line of stacksOf(error)) out.note(line);
  return exit;
}

function stacksOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  return [...(error.stack ?? error.message).split('\n'), ...stacksOf(error.cause)];
}

/** An option's value: a whole number from `least` to `most`. */
export const wholeNumber = (least: number, most: number) => (text: string) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
};

function durationIn(text: string): number | null {
  try {
    return milliseconds('duration', text);
  } catch {
    return null;
  }
}

/** An option's value: a duration such as 90s, 2m, 12h or 7d, in milliseconds. */
export function duration(text: string): number {
  const ms = durationIn(text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError('Write a duration: 90s, 2m, 12h or 7d.');
}

/** An option's value: an instant in ISO 8601, or how long ago, in milliseconds since the epoch. */
export function instant(text: string): number {
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(at)) return at;
  const ago = durationIn(text);
  if (ago !== null) return Date.now() - ago;
  throw new InvalidArgumentError('Write 2026-11-22T18:00:00Z, 2026-11-22, or how long ago: 90s, 2m, 12h or 7d.');
}

/** Collects the values of an option that may be given several times. */
export const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

/** An option that takes one of these words. */
export const oneOf = (flags: string, description: string, words: readonly string[]): Option =>
  new Option(flags, description).choices([...words]);
