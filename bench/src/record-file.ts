/**
 * The one record sink of every contestant: a line of JSON in a file, written before the answer leaves. A
 * line that was buffered would be cheaper to nobody's benefit: it is gone when the process is killed.
 */
import { openSync, writeSync } from 'node:fs';
import type { AttemptRecord } from '@latchkey/core';

export interface RecordFile {
  write(record: object): void;
  /** How many sign-ins have their line. */
  settled(): Promise<number>;
}

const isAttempt = ({ event }: AttemptRecord) => event.name.endsWith('.attempt');

export async function openRecordFile(path: string): Promise<RecordFile> {
  const file = openSync(path, 'a');
  let written = 0;
  return {
    write(record) {
      writeSync(file, `${JSON.stringify(record)}\n`);
      // Beside the sign-ins are Latchkey's records of sessions that were one too many.
      if (!('schema' in record) || isAttempt(record as AttemptRecord)) written++;
    },
    settled: async () => written,
  };
}
