/**
 * The one record sink of every contestant: a line of JSON in a file, written before the answer leaves. A
 * line that was buffered would be cheaper to nobody's benefit: it is gone when the process is killed.
 */
import { openSync, writeSync } from 'node:fs';

export interface RecordFile {
  write(record: object): void;
  /** How many lines there are in all. */
  settled(): Promise<number>;
}

export async function openRecordFile(path: string): Promise<RecordFile> {
  const file = openSync(path, 'a');
  let written = 0;
  return {
    write(record) {
      writeSync(file, `${JSON.stringify(record)}\n`);
      written++;
    },
    settled: async () => written,
  };
}
