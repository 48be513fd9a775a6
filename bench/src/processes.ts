/** The processes of a benchmark, each started with the same flags, asked one thing at a time, and ended. */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';

/** A process that answers every message with one. */
export interface Worker {
  readonly pid: number;
  ask<Answer>(message: object): Promise<Answer>;
  end(): Promise<void>;
}

interface Special {
  /** Of Node.js itself, besides those of this process. */
  readonly flags?: readonly string[] | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** The CPU that it is kept on. Any unless given. Linux. */
  readonly cpu?: number | undefined;
}

/** Starts a program of this folder and resolves to it and to the first thing it says. */
export async function start<Hello>(
  program: string,
  argument: string,
  { flags = [], env, cpu }: Special = {},
): Promise<{ worker: Worker; hello: Hello }> {
  const child = fork(new URL(program, import.meta.url), [argument], {
    // In production memoryStore() warns, which is right, and here known.
    execArgv: [...process.execArgv, '--disable-warning=LATCHKEY_MEMORY_STORE', ...flags],
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  // All its threads, and those that they start.
  if (cpu !== undefined) execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', `${cpu}`, `${child.pid}`]);
  const worker: Worker = {
    pid: child.pid!,
    ask(message) {
      const answer = next(child, program);
      child.send(message);
      return answer as Promise<never>;
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.disconnect();
      await ended;
    },
  };
  return { worker, hello: (await next(child, program)) as Hello };
}

function next(child: ChildProcess, program: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      child.off('exit', onExit);
      resolve(message);
    };
    const onExit = (code: number | null) => {
      child.off('message', onMessage);
      reject(new Error(`${program} ended with code ${code}.`));
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}
