/** Starts an application with an SDK as a process of its own, and hears from it how it went. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { AttemptRecord, TelemetryFinding } from '@latchkey/core';
import { onTestFinished } from 'vitest';
import type { Line } from './sdk.ts';

export interface Task {
  readonly start: 'first' | 'after an attempt' | 'never';
  /** After one registration, and before one attempt that is abandoned. */
  readonly signIns: readonly ('good' | 'unverified')[];
  /** The logger is pino, instrumented: it sends its lines to OpenTelemetry, does not, or is not told of attempts. */
  readonly pino?: 'sends' | 'does not send' | 'is passed by';
}

export interface Seen {
  readonly records: AttemptRecord[];
  readonly statuses: number[];
  readonly lastSignInMs: number;
  readonly shutdownMs: number;
  readonly shutdownFailed: string | null;
  /** What the self-check finds while the SDK runs. */
  readonly findings: TelemetryFinding['code'][];
  /** What the logger was told as a warning or an error. */
  readonly said: object[];
}

/** An application that runs. */
export interface Running<Result> {
  readonly child: ChildProcess;
  /** What it printed so far. */
  readonly printed: { output: string; errors: string };
  /** Resolves when it has ended well, to the last that it sent home. */
  readonly ended: Promise<Result>;
}

/** Runs a script of ours as an application on one line of the SDK; resolves to what it sent home and what it printed. */
export async function runApplication<Result>(
  script: string,
  line: Line,
  task: object,
  env: Readonly<Record<string, string>> = {},
): Promise<Result & { readonly output: string }> {
  const { ended, printed } = startApplication<Result>(script, line, task, env);
  return { ...(await ended), output: printed.output };
}

/** Starts a script of ours as an application on one line of the SDK. It goes with the test. */
export function startApplication<Result>(
  script: string,
  line: Line,
  task: object,
  env: Readonly<Record<string, string>> = {},
): Running<Result> {
  const child = fork(script, [JSON.stringify(task)], {
    execArgv: ['--conditions=latchkey-source', '--import', join(import.meta.dirname, 'sdk.ts')],
    env: {
      ...withoutOtel(process.env),
      SDK_LINE: line,
      OTEL_SERVICE_NAME: 'application',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const printed = { output: '', errors: '' };
  child.stdout!.on('data', (text) => (printed.output += text));
  child.stderr!.on('data', (text) => (printed.errors += text));
  const results: Result[] = [];
  child.on('message', (result) => results.push(result as Result));
  const ended = once(child, 'close').then(([code]) => {
    const { output, errors } = printed;
    if (code !== 0 || results.length === 0) throw new Error(`${script} ended with ${code}: ${errors}${output}`);
    return results.at(-1)!;
  });
  return { child, printed, ended };
}

/** `application.ts`, sending to this endpoint. */
export const runSite = (line: Line, task: Task, endpoint: string, env: Readonly<Record<string, string>> = {}) =>
  runApplication<Seen>(join(import.meta.dirname, 'application.ts'), line, task, {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    ...env,
  });

/** What the developer's own shell says about OpenTelemetry is nothing to a test. */
function withoutOtel(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OTEL_')));
}
