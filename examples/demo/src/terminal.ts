/** What the demo prints of an attempt on a terminal: one short line. Elsewhere each record is a line of JSON. */
import { styleText } from 'node:util';
import type { AttemptRecord, Logger, Outcome } from '@latchkey/core';

/** For the option `logger` of `createPasskeys`. */
export const terminalLog: Logger = { info: print, warn: print, error: print };

function print(fields: object, message: string): void {
  process.stdout.write(`${'event' in fields ? lineOf(fields as AttemptRecord) : wordsOf(fields, message)}\n`);
}

/** As on the pages: a colour goes with the word, and says nothing by itself. */
const WORDS: Record<Outcome, { readonly word: string; readonly colour: Parameters<typeof styleText>[0] }> = {
  success: { word: 'success', colour: 'green' },
  cancelled: { word: 'cancelled', colour: 'dim' },
  abandoned: { word: 'abandoned', colour: 'yellow' },
  failure: { word: 'refused', colour: 'red' },
  error: { word: 'error', colour: 'magenta' },
};

/** When, how it ended, and why: `22:04:13  refused  Sign-in was refused: signature invalid` */
function lineOf({ event, outcome, message }: AttemptRecord): string {
  const time = new Date(event.time).toLocaleTimeString('en-GB');
  const { word, colour } = WORDS[outcome];
  // Not where NO_COLOR is set, nor on a terminal without colours.
  const stream = process.stdout;
  return `${styleText('dim', time, { stream })}  ${styleText(colour, word.padEnd(9), { stream })}  ${message}`;
}

/** A fault of the server. */
function wordsOf(fields: object, message: string): string {
  const { error } = fields as { readonly error?: { readonly stack?: string } };
  return [message, error?.stack].filter(Boolean).join('\n');
}
