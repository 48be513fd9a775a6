/** What the demo prints of an attempt on a terminal: one short line. Elsewhere each record is a line of JSON. */
import type { AttemptRecord, Logger } from '@latchkey/core';

/** For the option `logger` of `createPasskeys`. */
export const terminalLog: Logger = { info: print, warn: print, error: print };

function print(fields: object, message: string): void {
  process.stdout.write(`${'event' in fields ? lineOf(fields as AttemptRecord) : wordsOf(fields, message)}\n`);
}

/** When, how it ended, and why: `22:04:13  failure  Sign-in refused: signature_invalid.` */
function lineOf({ event, outcome, message }: AttemptRecord): string {
  const time = new Date(event.time).toLocaleTimeString('en-GB');
  return `${time}  ${outcome.padEnd(9)}  ${message}`;
}

/** A fault of the server. */
function wordsOf(fields: object, message: string): string {
  const { error } = fields as { readonly error?: { readonly stack?: string } };
  return [message, error?.stack].filter(Boolean).join('\n');
}
