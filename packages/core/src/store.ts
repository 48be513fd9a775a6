/**
 * The store contracts: what Latchkey needs from a place that keeps state, and what each verb promises.
 * Types only. `memory-store.ts` is the reference; `@latchkey/testing` checks any other against the same promises.
 *
 * A store that cannot keep a promise throws. Core answers every throw with `store_unavailable` and never lets anyone in.
 * Instants are milliseconds since the epoch and are handed in: a store never reads a clock to decide.
 */
import type { AttemptRecord, Enforcement, EventName, Outcome } from './attempt.ts';

/** A store that answers at once need not make a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** What a ceremony is for. Part of the take: a challenge for one purpose serves no other. */
export type Purpose = 'sign_in' | 'registration' | 'step_up';

/** A ceremony between its options and its end, as a store sees it. */
export interface PendingCeremony {
  /** Unique, at most 64 ASCII characters, case-sensitive. */
  readonly attemptId: string;
  readonly purpose: Purpose;
  /** Hash of the browser binding cookie: 43 base64url characters, case-sensitive. */
  readonly binding: string;
  /** The signed-in user it was opened for, or null. */
  readonly userId: string | null;
  /** False while it was only prefetched by a page and nobody has acted on it. */
  readonly begun: boolean;
  readonly expiresAt: number;
  /** Opaque to the store: text of at most 32 KiB. */
  readonly state: string;
}

/** What a take must match. A member left out matches anything. */
export interface Expected {
  readonly binding: string;
  readonly purpose?: Purpose;
  readonly userId?: string | null;
}

/** The answer of {@link ChallengeStore.take}. Mismatches are judged in the order purpose, binding, user. */
export type Take =
  | { readonly status: 'fresh'; readonly ceremony: PendingCeremony }
  | { readonly status: 'expired' | 'consumed' | 'unknown' }
  | { readonly status: 'mismatch'; readonly member: 'purpose' | 'binding' | 'user' };

/** How long after its expiry an id is still known as taken or expired, in milliseconds. Later it is `unknown`. */
export const REMEMBERED_MS = 600_000;

export interface ChallengeStore {
  /** Keeps a new ceremony until `expiresAt`. Throws for an id it knows already. */
  put(ceremony: PendingCeremony): Awaitable<void>;

  /** Marks a prefetched ceremony as begun, if it is still open and the binding is its own; else does nothing. */
  begin(attemptId: string, binding: string): Awaitable<void>;

  /**
   * Gives the ceremony to exactly one of any number of concurrent takers. Existence, expiry (open only while
   * `now < expiresAt`) and match are decided inside the take. A take that does not match, or comes too late, changes nothing.
   */
  take(attemptId: string, expected: Expected, now: number): Awaitable<Take>;

  /**
   * Gives each ceremony that expired untaken to exactly one of any number of concurrent sweepers, oldest first, at
   * most `limit` a call; and forgets ids whose expiry is more than {@link REMEMBERED_MS} ago.
   */
  takeExpired(now: number, limit: number): Awaitable<PendingCeremony[]>;
}

/** A stored credential. WebAuthn Level 3, §4 "credential record". */
export interface Passkey {
  /** Ours: a UUID. What management routes and sessions name; never the credential id. */
  readonly id: string;
  readonly userId: string;
  /**
   * The user handle in the credential: 32 random bytes, one per user. Empty for a passkey that was moved here from a place
   * that did not keep it: then nothing is compared with it, and `keepHandle` is asked for one before the passkey is inserted.
   */
  readonly userHandle: Uint8Array;
  /** 1 to 1,023 bytes. Belongs to one user. */
  readonly credentialId: Uint8Array;
  /** COSE_Key, at most 4 KiB. */
  readonly publicKey: Uint8Array;
  /** COSE algorithm identifier, e.g. -7 for ES256. */
  readonly algorithm: number;
  /** Unsigned 32-bit. */
  readonly signCount: number;
  /** As the browser reported them, cleaned: at most 8 words of at most 32 characters. */
  readonly transports: readonly string[];
  /** Lower-case UUID; all zeros when the provider does not say. */
  readonly aaguid: string;
  /** Null for a passkey that was moved here from a place that did not keep it: then nothing is compared with it. */
  readonly backupEligible: boolean | null;
  readonly backedUp: boolean;
  readonly rpId: string;
  /** At most 100 characters. */
  readonly nickname: string;
  readonly enabled: boolean;
  /** Raised by one at each disabling of an enabled passkey, so that sessions made before it stay dead when it is enabled again. */
  readonly generation: number;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

/** What a verified assertion changes. */
export interface Use {
  readonly signCount: number;
  readonly backedUp: boolean;
  readonly usedAt: number;
}

/** What an owner may change. */
export interface PasskeyChange {
  readonly nickname?: string;
  readonly enabled?: boolean;
}

/**
 * `wasEnabled`: before this change; of several who disable or enable one at once, exactly one is told that it was otherwise.
 * `last`: refused, because it is the user's last enabled passkey and `keepLast` was asked for.
 */
export type Changed =
  | { readonly status: 'done'; readonly passkey: Passkey; readonly wasEnabled: boolean }
  | { readonly status: 'not_found' | 'last' };

export interface PasskeyStore {
  /** One handle per user for ever: the first proposed wins, and everyone gets that one. */
  keepHandle(userId: string, proposed: Uint8Array): Awaitable<Uint8Array>;

  /**
   * Adds a passkey; never overwrites. `limit` when the user already has `max` passkeys, also under concurrent inserts;
   * else `exists` when anyone has that credential id. Keeps the passkey's handle for a user who has none.
   */
  insert(passkey: Passkey, max: number): Awaitable<'inserted' | 'exists' | 'limit'>;

  /**
   * Every passkey of the user who owns this credential id, the one found first; empty when nobody does. `userHandle`
   * is what the browser claimed: a hint where to look, never a condition.
   */
  find(credentialId: Uint8Array, userHandle: Uint8Array | null): Awaitable<Passkey[]>;

  /** A user's passkeys, oldest first. */
  listByUser(userId: string): Awaitable<Passkey[]>;

  /**
   * Compare and set: stores the use only while the passkey is there, enabled, and its counter is still `passkey.signCount`;
   * and, when `passkey` was never used (`lastUsedAt` null), while it still was not. So exactly one use is the first.
   */
  recordUse(passkey: Passkey, use: Use): Awaitable<boolean>;

  /** Changes a passkey of this user. With `keepLast` it refuses to disable the last enabled one, also when two try at once. */
  update(userId: string, id: string, change: PasskeyChange, keepLast: boolean): Awaitable<Changed>;

  /** Removes a passkey of this user. With `keepLast` it refuses to remove the last enabled one, also when two try at once. */
  remove(userId: string, id: string, keepLast: boolean): Awaitable<Changed>;
}

/** Which records to list. Every member narrows; `before` is the `event.id` of the last record already seen. */
export interface AttemptQuery {
  readonly name?: EventName;
  /** From this instant on. */
  readonly since?: number;
  /** Before this instant. */
  readonly until?: number;
  readonly userId?: string;
  readonly outcome?: Outcome;
  readonly enforcement?: Enforcement;
  readonly before?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface AttemptStore {
  /** Keeps a record; the same `event.id` twice is one record. */
  append(record: AttemptRecord): Awaitable<void>;
  /** Newest first, by `event.id` (UUIDv7). */
  list(query: AttemptQuery): Awaitable<AttemptRecord[]>;
}

/** Everything Latchkey keeps. Mix freely: challenges in Redis, passkeys in SQL. */
export interface Store {
  readonly challenges: ChallengeStore;
  readonly passkeys: PasskeyStore;
  readonly attempts?: AttemptStore;
}
