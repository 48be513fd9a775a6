/** The command as a user runs it: a process of its own, with its exit code and both of its outputs. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { LATCHKEY } from '../../scripts/test/command-line.ts';

/** Compiled sources, from one process to the next: half of what a short command takes. */
const COMPILED = process.env.NODE_COMPILE_CACHE ?? '';

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string>>;

/** Starts `latchkey` with these arguments. Only what is asked for is in its environment, besides the cache. */
export function start(args: readonly string[], env: Environment = {}, cwd?: string): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [LATCHKEY, ...args], {
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: COMPILED, ...env },
    cwd,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Runs `latchkey` to its end. */
export async function latchkey(args: readonly string[], env: Environment = {}, cwd?: string): Promise<Ran> {
  const child = start(args, env, cwd);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin.end();
  const [code] = await once(child, 'close');
  return { code, stdout: stdout(), stderr: stderr() };
}

/** The one JSON document it prints. */
export async function latchkeyJson(args: readonly string[], env: Environment = {}) {
  const { code, stdout, stderr } = await latchkey([...args, '--json'], env);
  return { code, stderr, json: JSON.parse(stdout) };
}

export function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

/** A folder that goes with the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'latchkey-cli-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
