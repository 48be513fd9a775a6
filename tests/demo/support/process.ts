// The demo as a process of its own: started, stopped, and its audit log read. Every record is held to the schema.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ATTEMPT_SCHEMA, type AttemptRecord } from '@latchkey/core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, expect, onTestFinished, vi } from 'vitest';
import { atThisSpeed } from '../../support/slowness.ts';

const { NODE_COMPILE_CACHE } = process.env;
const SERVER = fileURLToPath(new URL('../../../examples/demo/src/server.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Demo {
  readonly url: string;
  /** What the audit log has so far. */
  records(): Promise<AttemptRecord[]>;
  /** The record that matches, once it is there. */
  record(matches: (record: AttemptRecord) => boolean): Promise<AttemptRecord>;
  stop(): Promise<Ended>;
}

export function spawnDemo(env: Record<string, string>): {
  child: ChildProcess;
  ended: Promise<Ended>;
  stdout(): string;
} {
  const child = spawn(process.execPath, ['--conditions=latchkey-source', SERVER], {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE, PORT: '0', STORE: 'memory:', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
  return { child, ended, stdout: () => stdout };
}

async function startDemo(folder: string, env: Record<string, string> = {}): Promise<Demo> {
  const auditLog = join(folder, 'attempts.jsonl');
  const { child, ended, stdout } = spawnDemo({
    STORE: `sqlite:${join(folder, 'demo.sqlite')}`,
    AUDIT_LOG: auditLog,
    ...env,
  });
  const ready = () => /^listening on (\S+)\n/.exec(stdout())?.[1];
  const early = ended.then(({ stderr }) => {
    throw new Error(`The demo ended before it was ready: ${stderr}`);
  });
  await Promise.race([vi.waitUntil(ready, { timeout: atThisSpeed(30_000), interval: 20 }), early]);
  early.catch(() => {});

  const records = async () => {
    const text = await readFile(auditLog, 'utf8');
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return lines.slice(0, -1).map((line): AttemptRecord => JSON.parse(line));
  };
  return {
    url: ready()!,
    records,
    record: (matches) =>
      vi.waitUntil(async () => (await records()).find(matches), {
        timeout: atThisSpeed(20_000),
        interval: 20,
      }) as Promise<AttemptRecord>,
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

async function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'latchkey-demo-'));
}

/** A folder that is gone after the test. */
export async function temporary(): Promise<string> {
  const folder = await newFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A demo that is stopped after the test. */
export async function startIn(folder: string, env: Record<string, string> = {}): Promise<Demo> {
  const demo = await startDemo(folder, env);
  onTestFinished(async () => void (await demo.stop()));
  return demo;
}

/** A demo for all tests of a file. */
export function useDemo(env: Record<string, string>): Demo {
  let demo: Demo;
  beforeAll(async () => {
    const folder = await newFolder();
    demo = await startDemo(folder, env);
    return async () => {
      await demo.stop();
      await rm(folder, { recursive: true, force: true });
    };
  });
  return {
    get url() {
      return demo.url;
    },
    records: () => demo.records(),
    record: (matches) => demo.record(matches),
    stop: () => demo.stop(),
  };
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const isRecord = ajv.compile(ATTEMPT_SCHEMA);

/** Each record is what the schema says, and no attempt has two. */
export function expectValid(records: readonly AttemptRecord[]): void {
  expect(records.length).toBeGreaterThan(0);
  for (const record of records) expect(isRecord(record) || ajv.errorsText(isRecord.errors), record.message).toBe(true);
  const attempts = records.map(({ attempt }) => attempt.id);
  expect(new Set(attempts).size, 'one terminal record per attempt').toBe(attempts.length);
}

export const isSuccess = ({ event, outcome }: AttemptRecord) =>
  event.name === 'latchkey.signin.attempt' && outcome === 'success';
