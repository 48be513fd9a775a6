/**
 * Sends requests to `passkeys.handle` itself, without a framework and a socket: tens of thousands of them a test. A browser
 * here is its two cookies, and what it sends.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  type AttemptRecord,
  createPasskeys,
  type HttpResponse,
  memoryStore,
  type Passkeys,
  type PasskeysOptions,
  type SignInSession,
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
  /** The session cookie's value: null before a sign-in and after a sign-out. */
  token: string | null;
  /** How often an answer set or took away the session cookie. */
  writes: number;
  /** The session in the store that the cookie names, if there is one. */
  session(): Promise<SignInSession | null>;
  send(method: string, path: string, body?: unknown, more?: More): Promise<Sent>;
}

/** What differs from a plain request of a page of ours. */
export interface More {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** The body as bytes, instead of `body` as an earlier parser left it. */
  readonly raw?: Uint8Array;
  readonly address?: string | null;
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
      token: null,
      writes: 0,
      async session() {
        if (self.token === null) return null;
        const tokenHash = createHash('sha256').update(self.token).digest('base64url');
        return store.sessions!.find({ tokenHash });
      },
      async send(method, path, body, more = {}) {
        const { headers: changed = {}, raw, address = '127.0.0.1' } = more;
        const cookies = [
          ...(self.binding === null ? [] : [`latchkey=${self.binding}`, `__Host-latchkey=${self.binding}`]),
          ...(self.token === null ? [] : [`latchkey-session=${self.token}`, `__Host-latchkey-session=${self.token}`]),
        ];
        const headers: Record<string, string | undefined> = {
          origin,
          ...(cookies.length > 0 && { cookie: cookies.join('; ') }),
          ...((raw ?? body) !== undefined && { 'content-type': 'application/json' }),
          ...(raw && { 'content-length': String(raw.length) }),
          ...changed,
        };
        const response = await passkeys.handle({
          method,
          path,
          url: path,
          header: (name) => headers[name],
          body: raw ? { stream: Readable.from(raw.length > 0 ? [raw] : []) } : { parsed: body },
          address,
          framework: 'none',
          native: {},
          nativeResponse: {},
        });
        for (const cookie of response.cookies) {
          self.binding = /^(?:__Host-)?latchkey=([\w-]{22});/.exec(cookie)?.[1] ?? self.binding;
          const token = /^(?:__Host-)?latchkey-session=([\w-]*);/.exec(cookie)?.[1];
          if (token === undefined) continue;
          self.writes += 1;
          self.token = token === '' ? null : token;
        }
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
