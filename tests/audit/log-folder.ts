/** A folder for the logs of one test, what is in them, and processes that write to them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileNotice } from '@latchkey/audit';
import type { AttemptRecord } from '@latchkey/core';
import { onTestFinished } from 'vitest';

/** A folder that is gone after the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'latchkey-audit-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The lines of a file, which has to end with a newline. */
export function linesIn(path: string): string[] {
  const text = readFileSync(path, 'utf8');
  if (text !== '' && !text.endsWith('\n')) throw new Error(`${path} ends in the middle of a line`);
  return text.split('\n').slice(0, -1);
}

/** The event ids in a file, in order. A line may be empty: see `linesOf`. */
export const idsIn = (path: string) =>
  linesIn(path)
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as AttemptRecord).event.id);

/** The event ids in every file of a folder whose name begins like this. */
export const idsUnder = (path: string, prefix: string) =>
  readdirSync(path)
    .filter((name) => name.startsWith(prefix) && !name.includes('.open-'))
    .sort()
    .flatMap((name) => idsIn(join(path, name)));

export interface WritingProcess {
  readonly child: ChildProcess;
  /** The event ids it says it wrote, so far. */
  readonly written: string[];
  readonly notices: (Pick<FileNotice, 'message'> & { readonly kind: string; readonly id?: string })[];
  /** Resolves when it has written that many. */
  wrote(count: number): Promise<void>;
  /** Resolves to its exit code when it is gone: null when it was killed. */
  readonly gone: Promise<number | null>;
}

/** `writing-process.ts` with this task; `wrap` is what to run it under. */
export async function startWriting(task: object, wrap: readonly string[] = []): Promise<WritingProcess> {
  const script = join(import.meta.dirname, 'writing-process.ts');
  const [command, ...args] = [...wrap, process.execPath, '--conditions=latchkey-source', script, JSON.stringify(task)];
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const written: string[] = [];
  const notices: WritingProcess['notices'] = [];
  let errors = '';
  const waiting = new Set<() => void>();
  let ready = false;
  eachLine(child.stdout!, (line) => {
    if (line === 'ready') ready = true;
    else if (line !== 'closed') written.push(line);
    for (const check of waiting) check();
  });
  eachLine(child.stderr!, (line) => {
    errors += `${line}\n`;
    if (line.startsWith('{')) notices.push(JSON.parse(line));
  });
  const gone = once(child, 'close').then(([code]) => code as number | null);
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const check = () => {
        if (!holds()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
      void gone.then((code) => reject(new Error(`the process ended with ${code}: ${errors}`)));
    });
  await until(() => ready);
  return { child, written, notices, gone, wrote: (count) => until(() => written.length >= count) };
}

function eachLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    for (const part of parts) take(part);
  });
}
