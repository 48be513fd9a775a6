/**
 * What people, and others, do to an application: attempts of every kind, over HTTP, with a passkey in software that signs for
 * real. And two things that go wrong behind it: a table that is gone, and a folder that is gone.
 */
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  type Agent,
  createAgent,
  createSoftwarePasskey,
  flipBit,
  NOT_USED,
  type SoftwarePasskey,
} from '@latchkey/testing';
import Database from 'better-sqlite3';
import { type Application, PER_BROWSER } from './application.ts';

/** Somebody with a passkey on a device that counts. */
export interface Person {
  readonly name: string;
  readonly passkey: SoftwarePasskey;
}

/** How often one browser may ask in a minute: the first time it has no cookie yet, and nobody counts. */
const ALLOWED = PER_BROWSER.points + 1;

/** The AAGUIDs of two password managers. */
const GOOGLE = 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4';
const APPLE = 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd';

let people = 0;

function nextName(): string {
  people += 1;
  return `person ${people}`;
}

/** Signs somebody up. */
export async function invite(origin: string): Promise<Person> {
  const name = nextName();
  const passkey = createSoftwarePasskey({ origin, backupEligible: false, signCount: 0 });
  await createAgent(origin).signUp(name, passkey);
  return { name, passkey };
}

/** What can be done to the application, each deed by its name. It throws when the answer is not the one to expect. */
export function deedsTo({ origin }: Application, { passkey }: Person) {
  const browser = () => createAgent(origin);
  const verify = (agent: Agent, attemptId: string, credential: unknown, client: unknown = NOT_USED) =>
    agent.post('/authentication/verify', { attemptId, credential, client });
  const signIn = async (status: number, how?: Parameters<Agent['signIn']>[1], by = passkey) =>
    expectStatus(await browser().signIn(by, how), status);
  const endInPage = async (errorName: string) => {
    const agent = browser();
    const { attemptId } = await agent.signInOptions();
    expectStatus(await agent.post(`/attempts/${attemptId}/outcome`, { errorName }), 204);
  };

  /** Signs somebody in by password, and asks what to offer. */
  const offered = async (expected: string, name = nextName()) => {
    const agent = browser();
    expectStatus(await agent.request('POST', '/sign-in', { name }), 204);
    const { offer } = (await agent.post('/offer')).json;
    if (offer !== expected) throw new Error(`Expected the offer ${expected}, got ${offer}`);
    return { agent, name };
  };

  return {
    immediate: () => signIn(200),
    autofill: () => signIn(200, { mode: 'conditional' }),
    fullSheet: () => signIn(200, { mode: 'modal' }),
    /** Asked for immediate, and the page says that it did something else. */
    contradicted: () => signIn(200, { client: NOT_USED }),
    /** No passkey to offer, or the person said no: then the full sheet. */
    fallBack: async () => {
      await endInPage('NotAllowedError');
      await signIn(200, { mode: 'modal' });
    },
    pageWentAway: () => endInPage('AbortError'),
    neverAnswered: async () => void (await browser().signInOptions()),
    prefetched: async () => void (await browser().signInOptions({ mode: 'conditional', prefetch: true })),
    stepUp: async () => {
      const agent = browser();
      expectStatus(await agent.signIn(passkey), 200);
      expectStatus(await agent.stepUp(passkey, 'transfer'), 200);
    },
    /** Adds a second passkey, changes it in every way, and removes it; then signs out. */
    tidiedUp: async () => {
      const agent = browser();
      expectStatus(await agent.signIn(passkey), 200);
      const added = await agent.addPasskey(createSoftwarePasskey({ origin }));
      expectStatus(added, 201);
      const path = `/passkeys/credentials/${added.json.passkey.id}`;
      for (const change of [{ nickname: 'A key' }, { enabled: false }, { enabled: true }])
        expectStatus(await agent.request('PATCH', path, change), 200);
      expectStatus(await agent.request('DELETE', path), 200);
      expectStatus(await agent.request('DELETE', '/passkeys/session'), 204);
    },
    /** Somebody new gives a password, and gets a passkey without being asked. */
    madeSilently: async () => {
      const { agent } = await offered('silent');
      const { attemptId, publicKey } = (await agent.post('/registration/options', { mediation: 'conditional' })).json;
      const nobodyAsked = { flags: { UP: false, UV: false } };
      const credential = createSoftwarePasskey({ origin, aaguid: GOOGLE }).register(publicKey, nobodyAsked);
      expectStatus(await agent.post('/registration/verify', { attemptId, credential }), 201);
    },
    /** The browser does not make one by itself; the person takes the offer. The next password needs no offer any more. */
    tookOffer: async () => {
      const { agent, name } = await offered('silent');
      const { attemptId, publicKey } = (await agent.post('/registration/options', { offered: true })).json;
      const credential = createSoftwarePasskey({ origin, aaguid: APPLE }).register(publicKey);
      expectStatus(await agent.post('/registration/verify', { attemptId, credential }), 201);
      await offered('none', name);
    },
    /** The person does not want one now, and is not asked again. */
    notNow: async () => {
      const { agent, name } = await offered('silent');
      expectStatus(await agent.request('DELETE', '/passkeys/offer'), 204);
      await offered('none', name);
    },
    notVerified: () => signIn(401, { bend: { flags: { UV: false } } }),
    nobodyPresent: () => signIn(401, { bend: { flags: { UP: false } } }),
    forged: () => signIn(401, { bend: { signature: flipBit(-1) } }),
    otherSite: () => signIn(401, { bend: { clientData: { origin: 'https://evil.example' } } }),
    unknownPasskey: () => signIn(401, {}, stranger(origin)),
    /** The same answer twice. */
    replayed: async () => {
      const agent = browser();
      const { attemptId, publicKey } = await agent.signInOptions({ mode: 'modal' });
      const credential = passkey.authenticate(publicKey);
      expectStatus(await verify(agent, attemptId, credential), 200);
      expectStatus(await verify(agent, attemptId, credential), 400);
    },
    /** An answer from another browser than the one that asked. */
    carriedAway: async () => {
      const { attemptId, publicKey } = await browser().signInOptions({ mode: 'modal' });
      expectStatus(await verify(browser(), attemptId, passkey.authenticate(publicKey)), 400);
    },
    /** A copy of a passkey, whose counter lags behind. By default it is let in, and noticed. */
    copied: () => signIn(200, { bend: { signCount: 1 } }),
    nonsense: async () => {
      expectStatus(await browser().post('/authentication/options', undefined, { rawBody: '{"mode":' }), 400);
    },
    crossSite: async () => {
      const headers = { origin: 'https://evil.example' };
      expectStatus(await browser().post('/authentication/options', {}, { headers }), 403);
    },
    /** One browser that does not stop asking. */
    tooOften: async () => {
      const agent = browser();
      for (let n = 0; n < ALLOWED + 10; n += 1) {
        const reply = await agent.post('/authentication/options', { mode: 'conditional', prefetch: true });
        expectStatus(reply, n < ALLOWED ? 200 : 429);
      }
    },
    /** While the store is down. */
    inVain: async () => expectStatus(await browser().post('/authentication/options', { mode: 'immediate' }), 503),
  };
}

function stranger(origin: string): SoftwarePasskey {
  const rpId = 'localhost';
  return createSoftwarePasskey({ origin, rpId, userHandle: Buffer.alloc(32, 7).toString('base64url') });
}

/** Runs something while the application's table of challenges has another name. */
export async function withoutStore(application: Application, run: () => Promise<void>): Promise<void> {
  const database = new Database(application.database);
  const call = (now: string, then: string) => database.exec(`alter table ${now} rename to ${then}`);
  call('latchkey_ceremonies', 'mislaid');
  try {
    await run();
  } finally {
    call('mislaid', 'latchkey_ceremonies');
    database.close();
  }
}

/** Runs something while the folder of the application's records is elsewhere. */
export async function withoutRecords(application: Application, run: () => Promise<void>): Promise<void> {
  const folder = dirname(application.records);
  await rename(folder, `${folder}-mislaid`);
  try {
    await run();
  } finally {
    await rename(`${folder}-mislaid`, folder);
  }
}

function expectStatus({ status, text }: { status: number; text: string }, expected: number): void {
  if (status !== expected) throw new Error(`Expected ${expected}, got ${status} ${text}`);
}
