/**
 * A small application behind a mounted adapter, with accounts, a clock that only moves when told, and every record it
 * leaves. The HTTP contract is checked against it.
 */
import assert from 'node:assert/strict';
import {
  type AttemptRecord,
  createPasskeys,
  type Passkeys,
  type PasskeysOptions,
  type RelyingParty,
  type Store,
  type User,
} from '@latchkey/core';
import { type Agent, createAgent } from './agent.ts';

/**
 * What an adapter's author writes: a server on a free port of localhost, with `passkeys(origin)` mounted at `/passkeys` (or elsewhere: `base`), its
 * well-known documents at the root, and routes that answer `{ "user": "<id>" }` from what the guard hands over:
 * `/guarded` (any method) by `requireSignIn()`, `GET /enforced` by `requireSignIn({ enforced: true })`,
 * `GET /page` by `requireSignIn({ redirectTo: '/sign-in' })`, `GET /recent` by `requireSignIn({ within: '1m' })`,
 * `GET /transfer` by `requireStepUp({ within: '5m', action: 'transfer' })`, `/perhaps` (any method) by `readSession()`, which
 * answers `{ "user": null }` for nobody; and `POST /sign-out`, which calls `signOut` and answers 204.
 */
export type Mount = (passkeys: (origin: string) => Passkeys) => Promise<{
  readonly origin: string;
  /** Where the routes are, if not at `/passkeys`. */
  readonly base?: string;
  close(): Promise<void>;
}>;

/** An account of the small application. */
export interface Account extends User {
  /** What `users.isActive` answers. */
  readonly active: boolean;
}

/** A small application that runs, with everything that a rule may look at. */
export interface Site {
  /** `http://localhost:` and its port. */
  readonly origin: string;
  /** What is mounted. */
  readonly passkeys: Passkeys;
  /** The store behind it. */
  readonly store: Store;
  /** Accounts by id. `create` refuses a name that is taken. */
  readonly accounts: Map<string, Account>;
  /** Every record so far, in the order they were made. */
  readonly records: AttemptRecord[];
  /** The server's clock, in milliseconds. */
  readonly clock: { now: number };
  /** A fresh browser. */
  agent(): Agent;
  /** Ends the server. Throws what `onRecord` threw. */
  close(): Promise<void>;
}

/** Options of `createPasskeys` that a site has otherwise than by default. */
export type SiteOptions = Partial<Omit<PasskeysOptions, 'rp' | 'store'>> & { readonly rp?: Partial<RelyingParty> };

/** What the contract is run in. */
export interface World {
  /** The adapter under test. */
  readonly mount: Mount;
  /** A store with nothing of ours in it yet; may be shared with others. */
  readonly store: () => Promise<Store> | Store;
  /** Sees every record: to hold it against the schema, say. What it throws, closing the site throws. */
  readonly onRecord?: (record: AttemptRecord) => void;
}

/** 32 bytes that are nobody's secret. */
const IDENTITY_KEY = 'a key for tests, and for tests only';

/** Opens a site in this world. */
export async function openSite(world: World, options: SiteOptions = {}): Promise<Site> {
  const accounts = new Map<string, Account>();
  const records: AttemptRecord[] = [];
  const clock = { now: Date.now() };
  const store = await world.store();
  const wrong: unknown[] = [];
  let passkeys: Passkeys | undefined;
  const { rp, audit, users, ...rest } = options;
  const { origin, base, close } = await world.mount((siteOrigin) => {
    passkeys = createPasskeys({
      store,
      clock: () => clock.now,
      sweepEvery: false,
      // Rules ask a lot at once; what is asked too often has rules of its own.
      rateLimit: false,
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      ...rest,
      rp: { id: 'localhost', name: 'Site', origins: [siteOrigin], ...rp },
      users: {
        find: (id) => accounts.get(id),
        findByName: (name) => [...accounts.values()].find((account) => account.name === name),
        create: ({ name, displayName }) => {
          if ([...accounts.values()].some((account) => account.name === name)) return undefined;
          const account = { id: crypto.randomUUID(), name, displayName, active: true };
          accounts.set(account.id, account);
          return account;
        },
        undo: ({ id }) => void accounts.delete(id),
        isActive: ({ id }) => accounts.get(id)?.active ?? false,
        ...users,
      },
      audit: {
        identityKey: IDENTITY_KEY,
        ...audit,
        sinks: [
          {
            name: 'site',
            write: (record) => {
              records.push(record);
              // A sink that throws changes nothing, so what is wrong with a record is kept for the end.
              try {
                world.onRecord?.(record);
              } catch (fault) {
                wrong.push(fault);
              }
            },
          },
          ...(audit?.sinks ?? []),
        ],
      },
    });
    return passkeys;
  });
  return {
    origin,
    passkeys: passkeys!,
    store,
    accounts,
    records,
    clock,
    agent: () => createAgent(origin, base),
    async close() {
      await passkeys!.close();
      await close();
      if (wrong.length > 0) throw wrong[0];
      const ids = records.map(({ attempt }) => attempt.id);
      assert.deepEqual(ids, [...new Set(ids)], 'an attempt left more than one record');
    },
  };
}
