/**
 * Why this file exists: the lines of the threat model that a store has to keep its word in, on every store and every
 * framework. After each refusal: the contract's status and code, exactly one record with the reason (or none, where the
 * contract says none), no session, no changed row, no 5xx.
 */
import { memoryStore, type ProblemCode, type Reason } from '@latchkey/core';
import { type Agent, createSoftwarePasskey, flipBit, type Reply, type Site, USED } from '@latchkey/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { type Kind, kinds, mixed, type OpenKind } from '../http/support/stores.ts';
import { open } from './evidence.ts';

type Refusal = readonly [status: number, code: ProblemCode, reason: Reason | null];
const SPENT = (reason: Reason): Refusal => [400, 'challenge_invalid', reason];
const FAILED = (reason: Reason): Refusal => [401, 'authentication_failed', reason];

/** Every row of everybody, as the store has it. */
async function rows({ accounts, store }: Site): Promise<unknown> {
  const passkeys = await Promise.all([...accounts.keys()].map((id) => store.passkeys.listByUser(id)));
  return { accounts: [...accounts.values()], passkeys };
}

/** Nothing in this answer begins a session: no cookie but the binding, or one that was `sent` and is sent back as it was. */
function expectNoSession({ headers, status }: Reply, sent: ReadonlyMap<string, string> = new Map()): void {
  expect(status).toBeLessThan(500);
  const given = headers.getSetCookie().map((line) => line.split(';')[0]!);
  const known = [...sent].map(([name, value]) => `${name}=${value}`);
  expect(given.filter((pair) => !/^(__Host-)?latchkey=/.test(pair) && !known.includes(pair))).toEqual([]);
}

/** The work is refused in just this way, and leaves everything as it was. */
async function refuses(site: Site, [status, code, reason]: Refusal, agent: Agent, work: () => Promise<Reply>) {
  const [before, recorded, session] = [await rows(site), site.records.length, await whoIs(agent)];
  const sent = new Map(agent.cookies);
  const reply = await work();
  expect([reply.status, reply.json?.code], reply.text).toEqual([status, code]);
  expectNoSession(reply, sent);
  expect(site.records.slice(recorded).map(({ outcome, reason }) => [outcome, reason])).toEqual(
    reason === null ? [] : [['failure', reason]],
  );
  expect(await rows(site)).toEqual(before);
  expect(await whoIs(agent)).toEqual(session);
}

const whoIs = async (agent: Agent) => {
  const { status, json } = await agent.session();
  return [status, json.user?.id];
};
const verify = (agent: Agent, attemptId: string, credential: unknown) =>
  agent.post('/authentication/verify', { attemptId, credential, client: USED });
const path = (id: string) => `/passkeys/credentials/${id}`;
const listed = async (agent: Agent): Promise<{ id: string; current: boolean }[]> =>
  (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
const idsOf = async (agent: Agent) => (await listed(agent)).map(({ id }) => id);
const fresh = (site: Site, signCount?: number) =>
  createSoftwarePasskey({ origin: site.origin, ...(signCount !== undefined && { signCount }) });
const onlyRow = async ({ accounts, store }: Site) => (await store.passkeys.listByUser([...accounts.keys()][0]!))[0]!;
const statuses = (replies: readonly Reply[]) => replies.map(({ status }) => status).sort();

type Options = Parameters<typeof open>[0];
interface Line {
  readonly name: string;
  readonly options?: Options;
  check(site: Site): Promise<void>;
}

const LINES: readonly Line[] = [
  {
    name: 'an answer that was accepted is not accepted again, nor from another browser with this one’s cookie',
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 1));
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions();
      const thief = site.agent();
      for (const [name, value] of agent.cookies) thief.cookies.set(name, value);
      const credential = passkey.authenticate(publicKey);
      expect((await verify(agent, attemptId, credential)).status).toBe(200);
      for (const each of [thief, agent])
        await refuses(site, SPENT('challenge_consumed'), each, () => verify(each, attemptId, credential));
    },
  },
  {
    name: 'a challenge is spent by a verify that fails',
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 1));
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions();
      const bent = passkey.authenticate(publicKey, { signature: flipBit(-1) });
      await refuses(site, FAILED('signature_invalid'), agent, () => verify(agent, attemptId, bent));
      const good = passkey.authenticate(publicKey);
      await refuses(site, SPENT('challenge_consumed'), agent, () => verify(agent, attemptId, good));
    },
  },
  {
    name: 'one of 50 answers at once is accepted, and counts once',
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 1));
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions();
      const credential = passkey.authenticate(publicKey);
      const recorded = site.records.length;
      const replies = await Promise.all(Array.from({ length: 50 }, () => verify(agent, attemptId, credential)));
      expect(statuses(replies)).toEqual([200, ...Array(49).fill(400)]);
      for (const reply of replies) if (reply.status !== 200) expectNoSession(reply);
      const added = site.records.slice(recorded).map(({ outcome, reason }) => `${outcome} ${reason}`);
      expect(added.toSorted()).toEqual([...Array(49).fill('failure challenge_consumed'), 'success null']);
      expect((await onlyRow(site)).signCount).toBe(2);
    },
  },
  {
    name: 'another browser’s challenge is refused, and left to that browser',
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 1));
      const [agent, stranger, cookieless] = [site.agent(), site.agent(), site.agent()];
      const { attemptId, publicKey } = await agent.signInOptions();
      await stranger.signInOptions();
      const credential = passkey.authenticate(publicKey);
      for (const each of [stranger, cookieless])
        await refuses(site, SPENT('challenge_session_mismatch'), each, () => verify(each, attemptId, credential));
      expect((await verify(agent, attemptId, credential)).status).toBe(200);
    },
  },
  {
    name: 'a challenge serves the purpose it was made for, and the person, and is left for that',
    async check(site) {
      const agent = site.agent();
      const passkey = await agent.signUp('ada', fresh(site, 1));
      const signIn = await agent.signInOptions();
      const stepUp = (await agent.post('/step-up/options', { action: 'pay' })).json;
      const adding = (await agent.post('/registration/options')).json;
      const signed = (of: typeof signIn) => passkey.authenticate({ ...of.publicKey, allowCredentials: [] });
      const wrong = SPENT('challenge_mismatch');
      for (const [route, attemptId, credential] of [
        ['/step-up/verify', signIn.attemptId, signed(signIn)],
        ['/authentication/verify', stepUp.attemptId, signed(stepUp)],
        ['/registration/verify', signIn.attemptId, fresh(site).register(adding.publicKey)],
        ['/authentication/verify', adding.attemptId, signed(signIn)],
      ] as const) {
        await refuses(site, wrong, agent, () => agent.post(route, { attemptId, credential, client: USED }));
      }
      await agent.request('DELETE', '/passkeys/session');
      await agent.signUp('eve');
      const another = SPENT('challenge_session_mismatch');
      await refuses(site, another, agent, () =>
        agent.post('/step-up/verify', { attemptId: stepUp.attemptId, credential: signed(stepUp) }),
      );
      await refuses(site, another, agent, () =>
        agent.post('/registration/verify', {
          attemptId: adding.attemptId,
          credential: fresh(site).register(adding.publicKey),
        }),
      );
      expect((await verify(agent, signIn.attemptId, signed(signIn))).json.user.name).toBe('ada');
    },
  },
  {
    name: 'a challenge ends at its expiry, by the server’s clock, in one record',
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 1));
      const agent = site.agent();
      const { attemptId, publicKey } = await agent.signInOptions();
      const credential = passkey.authenticate(publicKey);
      const ended = () => site.records.filter(({ attempt }) => attempt.id === attemptId).map(({ outcome }) => outcome);
      site.clock.now += 120_000;
      await refuses(site, SPENT('challenge_expired'), agent, () => verify(agent, attemptId, credential));
      expect(ended()).toEqual([]);
      await Promise.all([site.passkeys.sweep(), site.passkeys.sweep()]);
      expect(ended()).toEqual(['abandoned']);
      await refuses(site, SPENT('challenge_expired'), agent, () => verify(agent, attemptId, credential));
      // A clock that is put back, or a node whose clock is behind, gives it to nobody either.
      site.clock.now -= 60_000;
      await refuses(site, SPENT('challenge_expired'), agent, () => verify(agent, attemptId, credential));
      expect(ended()).toEqual(['abandoned']);
    },
  },
  {
    name: 'a passkey that was disabled or removed between options and verify lets nobody in',
    async check(site) {
      const owner = site.agent();
      await owner.signUp('ada');
      const second = fresh(site, 1);
      await owner.addPasskey(second);
      const { id } = (await listed(owner)).find(({ current }) => !current)!;
      for (const [change, reason] of [
        [() => owner.request('PATCH', path(id), { enabled: false }), 'credential_disabled'],
        [() => owner.request('DELETE', path(id)), 'credential_unknown'],
      ] as const) {
        const agent = site.agent();
        const { attemptId, publicKey } = await agent.signInOptions();
        const credential = second.authenticate(publicKey);
        expect((await change()).status).toBeLessThan(300);
        await refuses(site, FAILED(reason), agent, () => verify(agent, attemptId, credential));
      }
    },
  },
  {
    name: 'one credential id is registered for one of six people who try at once',
    async check(site) {
      const { credentialId } = fresh(site);
      const answers = await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const agent = site.agent();
          const options = await agent.post('/registration/options', { username: `person ${index}` });
          const passkey = createSoftwarePasskey({ origin: site.origin, credentialId });
          return { agent, passkey, attemptId: options.json.attemptId, publicKey: options.json.publicKey };
        }),
      );
      const recorded = site.records.length;
      const replies = await Promise.all(
        answers.map(({ agent, passkey, attemptId, publicKey }) =>
          agent.post('/registration/verify', { attemptId, credential: passkey.register(publicKey) }),
        ),
      );
      expect(statuses(replies)).toEqual([201, ...Array(5).fill(409)]);
      for (const reply of replies) if (reply.status !== 201) expectNoSession(reply);
      const attempts = site.records.slice(recorded).filter(({ event }) => event.name.endsWith('.attempt'));
      expect(attempts.map(({ outcome }) => outcome).sort()).toEqual([...Array(5).fill('failure'), 'success']);
      expect(site.accounts.size).toBe(1);
      const row = await onlyRow(site);
      expect(Buffer.from(row.credentialId).toString('base64url')).toBe(credentialId);
      for (const [index, { agent, passkey }] of answers.entries()) {
        const won = replies[index]!.status === 201;
        expect((await agent.session()).status).toBe(won ? 200 : 401);
        expect((await site.agent().signIn(passkey)).status).toBe(won ? 200 : 401);
      }
    },
  },
  {
    name: 'a credential id that somebody has is nobody else’s, and the sign-up that tried is undone',
    async check(site) {
      const adas = await site.agent().signUp('ada');
      const agent = site.agent();
      const { attemptId, publicKey } = (await agent.post('/registration/options', { username: 'eve' })).json;
      const copy = createSoftwarePasskey({ origin: site.origin, credentialId: adas.credentialId });
      await refuses(site, [409, 'passkey_exists', 'credential_exists'], agent, () =>
        agent.post('/registration/verify', { attemptId, credential: copy.register(publicKey) }),
      );
      expect((await site.agent().signIn(adas)).json.user.name).toBe('ada');
    },
  },
  {
    name: 'of five passkeys added at once only as many are kept as policy allows',
    options: { policy: { maxPasskeys: 3 } },
    async check(site) {
      const agent = site.agent();
      await agent.signUp('ada');
      const answers = [];
      const one = fresh(site);
      for (const passkey of [fresh(site), fresh(site), fresh(site), fresh(site), fresh(site), one]) {
        const { attemptId, publicKey } = (await agent.post('/registration/options')).json;
        answers.push({ attemptId, credential: passkey.register(publicKey) });
      }
      const late = answers.pop();
      const replies = await Promise.all(answers.map((body) => agent.post('/registration/verify', body)));
      expect(statuses(replies)).toEqual([201, 201, 409, 409, 409]);
      expect(await idsOf(agent)).toHaveLength(3);
      const recorded = site.records.length;
      expect((await agent.post('/registration/verify', late)).json.code).toBe('passkey_limit_reached');
      expect(site.records.slice(recorded).map(({ reason }) => reason)).toEqual(['credential_limit']);
      expect((await site.agent().signIn(one)).status).toBe(401);
    },
  },
  {
    name: 'a counter that goes backwards or stands still is refused, and only a signed one is judged',
    options: { policy: { signCount: 'refuse' } },
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 5));
      // Zero only from a passkey that stays on its device: one that syncs may have lost its counter on the way.
      const zero = { signCount: 0, flags: { BE: false, BS: false } };
      for (const bend of [{ signCount: 4 }, { signCount: 5 }, zero]) {
        const agent = site.agent();
        await refuses(site, FAILED('sign_count_regressed'), agent, () => agent.signIn(passkey, { bend }));
      }
      const agent = site.agent();
      await refuses(site, FAILED('signature_invalid'), agent, () =>
        agent.signIn(passkey, { bend: { signCount: 4_294_967_295, signature: flipBit(-1) } }),
      );
      expect((await site.agent().signIn(passkey, { bend: { signCount: 4_294_967_295 } })).status).toBe(200);
      expect((await onlyRow(site)).signCount).toBe(4_294_967_295);
    },
  },
  {
    name: 'of one counter that arrives six times at once, under refuse, one is let in',
    options: { policy: { signCount: 'refuse' } },
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 5));
      const answers = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const agent = site.agent();
          const { attemptId, publicKey } = await agent.signInOptions();
          return { agent, attemptId, credential: passkey.authenticate(publicKey, { signCount: 9 }) };
        }),
      );
      const replies = await Promise.all(
        answers.map(({ agent, attemptId, credential }) => verify(agent, attemptId, credential)),
      );
      expect(statuses(replies)).toEqual([200, ...Array(5).fill(401)]);
      for (const reply of replies) if (reply.status !== 200) expectNoSession(reply);
      expect((await onlyRow(site)).signCount).toBe(9);
    },
  },
  {
    name: 'a clone is shut out by its counter, under disable, and nobody by a counter that nobody signed',
    options: { policy: { signCount: 'disable' } },
    async check(site) {
      const passkey = await site.agent().signUp('ada', fresh(site, 5));
      const agent = site.agent();
      await refuses(site, FAILED('signature_invalid'), agent, () =>
        agent.signIn(passkey, { bend: { signCount: 1, signature: flipBit(-1) } }),
      );
      const reply = await agent.signIn(passkey, { bend: { signCount: 1 } });
      expect([reply.status, site.records.at(-1)?.reason]).toEqual([401, 'sign_count_regressed']);
      expectNoSession(reply);
      expect(await onlyRow(site)).toMatchObject({ enabled: false, signCount: 5 });
      await refuses(site, FAILED('credential_disabled'), agent, () => agent.signIn(passkey));
    },
  },
  {
    name: 'the last passkey stays, also when all of them go at once, one way or another',
    async check(site) {
      const agent = site.agent();
      await agent.signUp('ada');
      const [first] = (await idsOf(agent)) as [string];
      const last: Refusal = [409, 'last_passkey', null];
      await refuses(site, last, agent, () => agent.request('DELETE', path(first)));
      await refuses(site, last, agent, () => agent.request('PATCH', path(first), { enabled: false }));
      for (let i = 0; i < 3; i++) await agent.addPasskey(fresh(site));
      const ids = await idsOf(agent);
      const replies = await Promise.all(
        ids.map((id, index) =>
          index % 2 === 0 ? agent.request('DELETE', path(id)) : agent.request('PATCH', path(id), { enabled: false }),
        ),
      );
      for (const { status } of replies) expect([200, 204, 401, 409]).toContain(status);
      const [userId] = site.accounts.keys();
      const left = (await site.store.passkeys.listByUser(userId!)).filter(({ enabled }) => enabled);
      expect(left.length).toBeGreaterThanOrEqual(1);
      expect(replies.filter(({ status }) => status < 300)).toHaveLength(4 - left.length);
    },
  },
  {
    name: 'what belongs to someone else is not there: not to rename, to disable, to remove',
    async check(site) {
      const ada = site.agent();
      await ada.signUp('ada');
      await ada.addPasskey(fresh(site));
      const eve = site.agent();
      await eve.signUp('eve');
      const none: Refusal = [404, 'not_found', null];
      for (const id of [...(await idsOf(ada)), crypto.randomUUID(), "' or 1=1 --", '*']) {
        const there = path(encodeURIComponent(id));
        await refuses(site, none, eve, () => eve.request('PATCH', there, { nickname: 'mine' }));
        await refuses(site, none, eve, () => eve.request('PATCH', there, { enabled: false }));
        await refuses(site, none, eve, () => eve.request('DELETE', there));
      }
    },
  },
];

const memory: Kind = {
  name: 'memory',
  open: async () => ({ store: memoryStore(), place: ['memory:', ''], close: async () => {} }),
};

describe.each([memory, ...kinds, mixed])('$name', ({ open: openKind }) => {
  let opened: OpenKind;
  beforeAll(async () => {
    opened = await openKind();
  });
  afterAll(() => opened?.close());

  describe.each(['Express 5', 'Koa 3', 'Fastify 5'] as const)('%s', (framework) => {
    for (const { name, options = {}, check } of LINES) {
      test(name, async () => check(await open(options, { mount: mounts[framework], store: () => opened.store })));
    }
  });
});
