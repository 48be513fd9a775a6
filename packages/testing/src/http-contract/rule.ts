/** What a rule of the HTTP contract is, and the few assertions that rules share. */
import assert from 'node:assert/strict';
import type { AttemptRecord, ProblemCode, Reason } from '@latchkey/core';
import { type Agent, type Reply, USED } from '../agent.ts';
import { openSite, type Site, type SiteOptions, type World } from '../site.ts';

/** A rule of the HTTP contract: its name, and how it is checked. */
export interface HttpRule {
  /** A fact in the present tense. */
  readonly name: string;
  /** Resolves when the fact holds; throws an AssertionError when not. */
  check(world: World): Promise<void>;
}

/** A rule about one site. */
export function rule(name: string, check: (site: Site) => Promise<void>, options: SiteOptions = {}): HttpRule {
  return {
    name,
    async check(world) {
      const site = await openSite(world, options);
      try {
        await check(site);
      } finally {
        await site.close();
      }
    },
  };
}

/** The answer is this problem, and nothing in it tells more than its code. */
export function assertProblem(reply: Reply, status: number, code: ProblemCode): void {
  assert.equal(reply.status, status, `expected ${status} ${code}, got ${reply.status} ${reply.text}`);
  assert.equal(reply.headers.get('content-type'), 'application/problem+json');
  const { type, title, attemptId, ...rest } = reply.json;
  assert.deepEqual(rest, { status, code });
  assert.equal(type, 'about:blank');
  assert.equal(typeof title, 'string');
  assert.ok(attemptId === undefined || typeof attemptId === 'string');
}

/** Nobody is signed in here. */
export async function assertSignedOut(agent: Agent): Promise<void> {
  assertProblem(await agent.session(), 401, 'sign_in_required');
}

/** The newest record. */
export function lastRecord(site: Site): AttemptRecord {
  const record = site.records.at(-1);
  assert.ok(record, 'there is no record');
  return record;
}

/** Exactly one record came of `work`, a refusal for this reason. */
export async function assertOneRefusal<T>(site: Site, reason: Reason, work: () => Promise<T>): Promise<T> {
  const before = site.records.length;
  const result = await work();
  // A session that was found dead ends beside it, with a record of its own.
  const added = site.records.slice(before).filter(({ event }) => event.name !== 'latchkey.session.ended');
  assert.deepEqual(
    added.map((record) => [record.outcome, record.reason]),
    [['failure', reason]],
  );
  return result;
}

/** Our id of the one passkey of this person that the session was not made with. */
export async function idOfOther(agent: Agent): Promise<string> {
  const { passkeys } = (await agent.request('GET', '/passkeys/credentials')).json;
  const others = passkeys.filter(({ current }: { current: boolean }) => !current);
  assert.equal(others.length, 1, 'expected one passkey besides the current one');
  return others[0].id;
}

/** Answers a sign-in with options that this agent got before. */
export const verify = (agent: Agent, attemptId: string, credential: unknown): Promise<Reply> =>
  agent.post('/authentication/verify', { attemptId, credential, client: USED });
