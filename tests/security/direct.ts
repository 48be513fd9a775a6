/**
 * Why this file exists: tens of thousands of requests a test go to `passkeys.handle` itself, without a framework and a
 * socket in between. A browser here is a cookie, a session, and what it sends.
 */
import { Readable } from 'node:stream';
import {
  type AttemptRecord,
  createPasskeys,
  type HttpResponse,
  memoryStore,
  type Passkeys,
  type PasskeysOptions,
  type SignedIn,
  type Store,
  type User,
} from '@latchkey/core';
import { assertValidRecord } from '../http/record-schema.ts';

export const ORIGIN = 'http://localhost:3000';

export interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came and asserts on it.
  readonly json: any;
}

export interface Browser {
  /** The binding cookie's value. */
  binding: string | null;
  session: SignedIn | undefined;
  /** How often a session was begun or written to. */
  writes: number;
  send(method: string, path: string, body?: unknown, more?: More): Promise<Sent>;
}

/** What differs from a plain request of a page of ours. */
export interface More {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** The body as bytes, instead of `body` as an earlier parser left it. */
  readonly raw?: Uint8Array;
  readonly address?: string | null;
  /** The application has no session middleware. */
  readonly sessionless?: boolean;
  /** The session store does not take anything. */
  readonly brokenSession?: boolean;
}

export interface Direct {
  readonly passkeys: Passkeys;
  readonly store: Store;
  readonly users: Map<string, User>;
  readonly records: AttemptRecord[];
  /** What was logged as our own fault, and what is wrong with a record. */
  readonly faults: unknown[];
  readonly clock: { now: number };
  browser(): Browser;
}

export function openDirect(options: Partial<PasskeysOptions> = {}): Direct {
  const users = new Map<string, User>();
  const records: AttemptRecord[] = [];
  const faults: unknown[] = [];
  const clock = { now: Date.now() };
  const store = options.store ?? memoryStore();
  const origin = typeof options.rp === 'object' ? options.rp.origins[0] : ORIGIN;
  const passkeys = createPasskeys({
    rp: { id: 'localhost', name: 'Direct', origins: [ORIGIN] },
    clock: () => clock.now,
    sweepEvery: false,
    rateLimit: false,
    logger: { info: () => {}, warn: () => {}, error: (fields) => void ('error' in fields && faults.push(fields)) },
    ...options,
    store,
    users: {
      find: (id) => users.get(id),
      findByName: (name) => [...users.values()].find((user) => user.name === name),
      create: ({ name, displayName }) => {
        if ([...users.values()].some((user) => user.name === name)) return undefined;
        const user = { id: crypto.randomUUID(), name, displayName };
        users.set(user.id, user);
        return user;
      },
      undo: ({ id }) => void users.delete(id),
      ...options.users,
    },
    audit: {
      identityKey: 'a key for tests, and for tests only',
      ...options.audit,
      sinks: [
        {
          name: 'direct',
          write: (record) => {
            records.push(record);
            // A sink that throws changes nothing, so what is wrong with a record is kept for the test to see.
            try {
              assertValidRecord(record);
            } catch (thrown) {
              faults.push(thrown);
            }
          },
        },
        ...(options.audit?.sinks ?? []),
      ],
    },
  });

  function browser(): Browser {
    const self: Browser = {
      binding: null,
      session: undefined,
      writes: 0,
      async send(method, path, body, more = {}) {
        const { headers: changed = {}, raw, address = '127.0.0.1', sessionless = false, brokenSession = false } = more;
        const headers: Record<string, string | undefined> = {
          origin,
          ...(self.binding !== null && { cookie: `latchkey=${self.binding}; __Host-latchkey=${self.binding}` }),
          ...((raw ?? body) !== undefined && { 'content-type': 'application/json' }),
          ...(raw && { 'content-length': String(raw.length) }),
          ...changed,
        };
        const response = await passkeys.handle({
          method,
          path,
          header: (name) => headers[name],
          body: raw ? { stream: Readable.from(raw.length > 0 ? [raw] : []) } : { parsed: body },
          address,
          session: sessionless
            ? null
            : {
                read: () => self.session,
                rotate: async () => {
                  self.writes += 1;
                },
                write: async (signedIn) => {
                  if (brokenSession) throw new Error('the session store is full');
                  self.writes += 1;
                  self.session = signedIn;
                },
                clear: async () => {
                  self.session = undefined;
                },
              },
          framework: 'none',
          native: {},
        });
        self.binding = /latchkey=([\w-]{22})/.exec(response.cookie ?? '')?.[1] ?? self.binding;
        return read(response);
      },
    };
    return self;
  }
  return { passkeys, store, users, records, faults, clock, browser };
}

function read({ status, headers, body }: HttpResponse): Sent {
  const isJson = /json/.test(headers['content-type'] ?? '');
  return { status, headers, text: body ?? '', json: isJson && body ? JSON.parse(body) : null };
}
