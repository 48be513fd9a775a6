/** Which files a log consists of, the lines in them, and how the last one ended. */
import { closeSync, createReadStream, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What rotation adds to the name: `.20261122T163000123Z`. logrotate's `dateformat .%Y%m%dT%H%M%S` fits too. */
const ROTATED = /^\.\d{8}T\d{6}(?:\d{3}Z)?$/;

/** A name for the log that was current until `at`. The empty file that reserves it keeps every other process off it. */
export function reserveRotated(path: string, at: number): string {
  for (let ms = at; ; ms += 1) {
    const name = `${path}.${new Date(ms).toISOString().replaceAll(/[-:.]/g, '')}`;
    try {
      closeSync(openSync(name, 'wx', 0o600));
      return name;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    }
  }
}

/** The rotated files of a log that are still there, oldest first. */
export function rotatedFiles(path: string): string[] {
  const name = basename(path);
  return readdirSync(dirname(path))
    .filter((file) => file.startsWith(name) && ROTATED.test(file.slice(name.length)))
    .sort()
    .map((file) => join(dirname(path), file));
}

/** Every line of a log, oldest first: of its rotated files and then of the current one; or of the files named, in that order. */
export async function* linesOf(path: string | readonly string[]): AsyncGenerator<string> {
  const files = typeof path === 'string' ? [...rotatedFiles(path), ...(existsSync(path) ? [path] : [])] : path;
  for (const file of files) yield* linesOfFile(file);
}

/** No record is near as long; what is longer is cut, so that no file can fill the memory. */
const LONGEST_LINE = 1_048_576;

async function* linesOfFile(file: string): AsyncGenerator<string> {
  let line = '';
  const keep = (text: string) => {
    line = (line + text).slice(0, LONGEST_LINE);
  };
  for await (const chunk of createReadStream(file, 'utf8') as AsyncIterable<string>) {
    const parts = chunk.split('\n');
    for (const part of parts.slice(0, -1)) {
      keep(part);
      // Empty where one process closed off a line that another was only just writing.
      if (line !== '') yield line;
      line = '';
    }
    keep(parts.at(-1)!);
  }
  if (line !== '') yield line;
}

/** The lines of a log that are JSON objects, the newest first: of the current file, and then of the rotated ones. */
export function* recordsFromEnd(path: string): Generator<string> {
  const files = [...rotatedFiles(path), ...(existsSync(path) ? [path] : [])];
  for (const file of files.reverse()) yield* recordsOfFileFromEnd(file);
}

function* recordsOfFileFromEnd(file: string): Generator<string> {
  const fd = openSync(file, 'r');
  try {
    let tail = Buffer.alloc(0);
    for (let from = fstatSync(fd).size; from > 0; ) {
      const block = Buffer.alloc(Math.min(from, 65_536));
      from -= block.length;
      tail = Buffer.concat([block.subarray(0, readSync(fd, block, 0, block.length, from)), tail]);
      // Before the first newline may be the end of a line that begins further up.
      const [head = '', ...lines] = tail.toString('latin1').split('\n');
      for (const line of (from === 0 ? [head, ...lines] : lines).reverse()) {
        const text = asUtf8(line);
        if (isRecord(text)) yield text;
      }
      tail = Buffer.from(head, 'latin1');
    }
  } finally {
    closeSync(fd);
  }
}

/** Bytes were read as latin1, one character each, so that no block's edge cuts a character in two. */
const asUtf8 = (line: string) => Buffer.from(line, 'latin1').toString('utf8');

function isRecord(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Whether the last line of an open file has no end: its writer was cut off in the middle. */
export function endsTorn(fd: number): boolean {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}
