/** Two server processes that share a store are one server to everybody outside. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AttemptRecord } from '@latchkey/core';
import {
  type Agent,
  createAgent,
  createSoftwarePasskey,
  type Reply,
  type SoftwarePasskey,
  USED,
} from '@latchkey/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { atThisSpeed } from '../support/slowness.ts';
import { assertValidRecord } from './record-schema.ts';
import { kinds, type OpenKind } from './support/stores.ts';

interface ServerProcess {
  readonly origin: string;
  /** Every record so far. */
  readonly records: AttemptRecord[];
  /** Makes requests allowed from the pages of all. */
  join(origins: readonly string[]): Promise<void>;
  /** Sets its clock so many milliseconds ahead. */
  setClock(ahead: number): Promise<void>;
  /** Sweeps as if so many milliseconds had passed, and gives how many attempts it swept. */
  sweep(ms: number): Promise<number>;
  stop(): Promise<void>;
}

interface Message {
  readonly origin?: string;
  readonly swept?: number;
}

async function startProcess(place: OpenKind['place']): Promise<ServerProcess> {
  const script = new URL('./support/store-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--conditions=latchkey-source', script, ...place], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const records: AttemptRecord[] = [];
  const messages: Message[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const said = JSON.parse(line) as AttemptRecord | Message;
    if ('schema' in said) {
      assertValidRecord(said);
      records.push(said);
    }
    // What else it writes is for operators: on a busy machine there may be some.
    if (['origin', 'ready', 'swept'].some((name) => name in said)) messages.push(said as Message);
  });
  /** The next thing it says that is no record. */
  const answer = () =>
    vi.waitFor(() => messages.shift() ?? Promise.reject(new Error('it says nothing')), atThisSpeed(20_000));
  const { origin } = await answer();
  return {
    origin: origin!,
    records,
    async join(origins) {
      child.stdin.write(`${JSON.stringify(origins)}\n`);
      await answer();
    },
    async setClock(ms) {
      child.stdin.write(`clock ${ms}\n`);
      await answer();
    },
    async sweep(ms) {
      child.stdin.write(`sweep ${ms}\n`);
      return (await answer()).swept!;
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** How often each value occurs. */
function tally(values: readonly (string | number | null)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[`${value}`] = (counts[`${value}`] ?? 0) + 1;
  return counts;
}

describe.each(kinds)('$name', ({ open }) => {
  let opened: OpenKind;
  let processes: ServerProcess[] = [];
  beforeAll(async () => {
    opened = await open();
    processes = await Promise.all([1, 2].map(() => startProcess(opened.place)));
    await Promise.all(processes.map(({ join }) => join(processes.map(({ origin }) => origin))));
  });
  afterAll(async () => {
    await Promise.all(processes.map(({ stop }) => stop()));
    await opened?.close();
  });

  /** A browser at either process: it sends its cookies to both, as cookies know no ports. */
  function browser(): [Agent, Agent] {
    const [one, two] = processes.map(({ origin }) => createAgent(origin)) as [Agent, Agent];
    const post: Agent['post'] = (...args) => {
      for (const [name, value] of one.cookies) two.cookies.set(name, value);
      return two.post(...args);
    };
    return [one, { ...two, post }];
  }

  const records = (name: AttemptRecord['event']['name']) =>
    processes.flatMap((each) => each.records).filter(({ event }) => event.name === name);

  test('accept one of 50 identical verifies at once, 25 to each', async () => {
    const { origin } = processes[0]!;
    const passkey = await createAgent(origin).signUp(crypto.randomUUID(), createSoftwarePasskey({ origin }));
    const [one, two] = browser();
    const { attemptId, publicKey } = await one.signInOptions();
    const body = { attemptId, credential: passkey.authenticate(publicKey), client: USED };
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, i) => (i % 2 ? one : two).post('/authentication/verify', body)),
    );
    expect(tally(replies.map(({ status, json }) => json.code ?? status))).toEqual({ 200: 1, challenge_invalid: 49 });
    expect(replies.filter(({ headers }) => headers.getSetCookie().length > 0)).toHaveLength(1);
    await vi.waitFor(() => expect(records('latchkey.signin.attempt')).toHaveLength(50), atThisSpeed(10_000));
    const ended = records('latchkey.signin.attempt');
    expect(tally(ended.map(({ reason }) => reason))).toEqual({ null: 1, challenge_consumed: 49 });
    expect(ended.find(({ outcome }) => outcome === 'success')!.attempt.id).toBe(attemptId);
  });

  test('never store a lower counter than one that let someone in, in 20 sign-ins at once', async () => {
    const { origin } = processes[0]!;
    const userId = crypto.randomUUID();
    const passkey = await createAgent(origin).signUp(
      userId,
      createSoftwarePasskey({ origin, signCount: 0, backupEligible: false }),
    );
    const answers = [];
    for (let i = 0; i < 20; i++) {
      const [one, two] = browser();
      const { attemptId, publicKey } = await one.signInOptions();
      const credential = passkey.authenticate(publicKey);
      const count = Buffer.from(credential.response.authenticatorData, 'base64url').readUInt32BE(33);
      const body = { attemptId, credential, client: USED };
      answers.push({ count, verify: () => (i % 2 ? one : two).post('/authentication/verify', body) });
    }
    const stored = async () => (await opened.store.passkeys.listByUser(userId))[0]!.signCount;
    let racing = true;
    const watching = (async () => {
      const seen: number[] = [];
      for (; racing; await nextTurn()) seen.push(await stored());
      return seen;
    })();
    const replies = await Promise.all(
      answers.toSorted(() => Math.random() - 0.5).map(async ({ count, verify }) => ({ count, reply: await verify() })),
    );
    racing = false;
    const seen = await watching;
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    // One who lost the race five times is asked to try again.
    const letIn = replies.filter(({ reply }) => isLetIn(reply)).map(({ count }) => count);
    expect(await stored()).toBe(Math.max(...letIn));
  });

  test.each([
    ['a sign-out', (owner: Agent) => owner.request('DELETE', '/passkeys/session')],
    ['ending it from another browser', undefined],
    ['a step-up', (owner: Agent, passkey: SoftwarePasskey) => owner.stepUp(passkey)],
  ])(
    'a cookie that %s made worthless in one is dead in the other within revalidateAfter, and at once in the same',
    async (_, end) => {
      const { origin } = processes[0]!;
      const [here, there] = processes.map((each) => createAgent(each.origin)) as [Agent, Agent];
      const passkey = await here.signUp(crypto.randomUUID(), createSoftwarePasskey({ origin }));
      const thief = createAgent(origin);
      for (const copy of [there, thief]) for (const [name, value] of here.cookies) copy.cookies.set(name, value);
      const status = async (agent: Agent) => (await agent.request('GET', '/guarded')).status;
      for (const agent of [here, there, thief]) expect(await status(agent)).toBe(200);

      const elsewhere = createAgent(origin);
      await elsewhere.signIn(passkey);
      const ended = await (end ?? (() => elsewhere.request('DELETE', '/passkeys/sessions')))(here, passkey);
      expect(ended.status).toBeLessThan(300);
      expect(await status(thief)).toBe(401);
      await processes[1]!.setClock(60_000);
      expect(await status(there)).toBe(401);
      await processes[1]!.setClock(0);
      expect(await status(there)).toBe(401);
      expect(await status(elsewhere)).toBe(200);
    },
  );

  test('leave exactly one record in total of each of 150 abandoned attempts, by two sweepers at once', async () => {
    const agents = processes.map(({ origin }) => createAgent(origin));
    const attempts = await Promise.all(Array.from({ length: 150 }, (_, i) => agents[i % 2]!.signInOptions()));
    const swept = await Promise.all(processes.flatMap(({ sweep }) => [sweep(180_000), sweep(180_000)]));
    expect(swept.reduce((sum, count) => sum + count)).toBe(150);
    const abandoned = () => records('latchkey.signin.attempt').filter(({ outcome }) => outcome === 'abandoned');
    await vi.waitFor(() => expect(abandoned()).toHaveLength(150), atThisSpeed(10_000));
    expect(
      abandoned()
        .map(({ attempt }) => attempt.id)
        .sort(),
    ).toEqual(attempts.map(({ attemptId }) => attemptId).sort());
  });
});

/** True for 200, false for 503. */
function isLetIn({ status, text }: Reply): boolean {
  if (status !== 200 && status !== 503) throw new Error(`verify answered ${status} ${text}`);
  return status === 200;
}
