/**
 * The store contracts: what Latchkey needs from a place that keeps state, and what each verb promises.
 * Types only. `memory-store.ts` keeps them in memory; `@latchkey/testing` checks any store against the same promises.
 *
 * A store that cannot keep a promise throws. Core answers every throw with `store_unavailable` and lets nobody in.
 * Instants are milliseconds since the epoch and are handed in: a store reads no clock to decide.
 */
import type { AttemptRecord, Enforcement, EventName, Outcome, Purpose } from '../record/attempt.ts';

/** A value, or a promise of it. A store that answers at once need not make a promise. */
export type Awaitable<T> = T | Promise<T>;

/** A ceremony between its options and its end, as a store sees it. */
export interface PendingCeremony {
  /** Unique, at most 64 ASCII characters, case-sensitive. */
  readonly attemptId: string;
  /** What the ceremony is for. A challenge for one purpose serves no other. */
  readonly purpose: Purpose;
  /** Hash of the browser binding cookie: 43 base64url characters, case-sensitive. */
  readonly binding: string;
  /** The user it was opened for, or null. */
  readonly userId: string | null;
  /** False while a page has only prefetched it and nobody has acted on it. */
  readonly begun: boolean;
  /** Open only while `now < expiresAt`. Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Opaque to the store: text of at most 32 KiB. */
  readonly state: string;
}

/** Which ceremony to take, and what it must match. A member left out matches anything. */
export interface TakeCondition {
  /** Which ceremony. */
  readonly attemptId: string;
  /** Hash of the browser's own binding cookie. */
  readonly binding: string;
  /** What it must have been opened for. */
  readonly purpose?: Purpose;
  /** Whom it must have been opened for; null: for nobody in particular. */
  readonly userId?: string | null;
  /** The time to judge expiry by. Milliseconds since the epoch. */
  readonly now: number;
}

/** The answer of {@link ChallengeStore.take}. Mismatches are judged in the order purpose, binding, user. */
export type TakeResult =
  | { readonly status: 'fresh'; readonly ceremony: PendingCeremony }
  | { readonly status: 'expired' | 'consumed' | 'unknown' }
  | { readonly status: 'mismatch'; readonly member: 'purpose' | 'binding' | 'user' };

/** How long after its expiry an id is still known as taken or expired, in milliseconds. Later it is `unknown`. */
export const REMEMBERED_MS = 600_000;

/** Keeps ceremonies between their options and their end. */
export interface ChallengeStore {
  /** Keeps a new ceremony until `expiresAt`. Throws for an id it knows already. */
  put(ceremony: PendingCeremony): Awaitable<void>;

  /** Marks a prefetched ceremony as begun, if it is still open and the binding is its own; else does nothing. */
  begin(ceremony: { readonly attemptId: string; readonly binding: string }): Awaitable<void>;

  /**
   * Gives the ceremony to exactly one of any number of concurrent takers. Existence, expiry (open only while
   * `now < expiresAt`) and match are decided inside the take. A take that does not match, or comes too late, changes nothing.
   */
  take(condition: TakeCondition): Awaitable<TakeResult>;

  /**
   * Gives each ceremony that expired untaken to exactly one of any number of concurrent sweepers, oldest first, at
   * most `limit` a call; and forgets ids whose expiry is more than {@link REMEMBERED_MS} ago.
   */
  takeExpired(due: { readonly now: number; readonly limit: number }): Awaitable<PendingCeremony[]>;
}

/** A stored credential. WebAuthn Level 3, §4 "credential record". */
export interface Passkey {
  /** Ours: a UUID. Management routes and sessions name it; never the credential id. */
  readonly id: string;
  /** The application's own id of the account. */
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
  /** Null for a passkey that was moved here from a place that did not keep it. It is learnt at the first use. */
  readonly backupEligible: boolean | null;
  /** Whether it was backed up at its last use. */
  readonly backedUp: boolean;
  /** It was registered with an attestation that a policy demanded and accepted. False for a passkey that was moved here. */
  readonly attested: boolean;
  /** The relying party that it was registered at. */
  readonly rpId: string;
  /** At most 100 characters. */
  readonly nickname: string;
  /** False while it may not be used. */
  readonly enabled: boolean;
  /** Raised by one at each disabling of an enabled passkey, so that sessions made before it stay dead when it is enabled again. */
  readonly generation: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; null before the first use. */
  readonly lastUsedAt: number | null;
}

/** What a verified assertion changes. */
export interface PasskeyUse {
  /** The counter that was signed: unsigned 32-bit. */
  readonly signCount: number;
  /** The signed flag BE: it may be synced. WebAuthn §6.1.3. */
  readonly backupEligible: boolean;
  /** The signed flag BS: it is synced now. WebAuthn §6.1.3. */
  readonly backedUp: boolean;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

/** What may be changed of a passkey. */
export interface PasskeyChange {
  /** At most 100 characters. */
  readonly nickname?: string;
  /** False disables it, which raises its `generation`. */
  readonly enabled?: boolean;
}

/** Which passkey of which user, at which relying party. `keepLast`: not if it is the last enabled one there. */
export interface PasskeySelection {
  /** Its owner. A passkey of somebody else is not found. */
  readonly userId: string;
  /** The relying party that it was registered at. */
  readonly rpId: string;
  /** The id of the passkey, a UUID of ours. */
  readonly id: string;
  /** True refuses (`last`) what would leave the user without an enabled passkey at this relying party. */
  readonly keepLast: boolean;
}

/**
 * `wasEnabled`: before this change; of several who disable or enable one at once, exactly one is told that it was otherwise.
 * `last`: refused, because it is the user's last enabled passkey at this relying party and `keepLast` was asked for.
 */
export type PasskeyChangeResult =
  | { readonly status: 'done'; readonly passkey: Passkey; readonly wasEnabled: boolean }
  | { readonly status: 'not_found' | 'last' };

/** `stale`: the passkey is gone, disabled, or was used meanwhile. `session_gone`: the session to renew has ended. Neither changes anything. */
export type UseResult = 'recorded' | 'stale' | 'session_gone';

/** Keeps passkeys and the one user handle of each user. */
export interface PasskeyStore {
  /** One handle per user until the user is forgotten: the first proposed wins, and everyone gets that one. */
  keepHandle(handle: { readonly userId: string; readonly proposed: Uint8Array }): Awaitable<Uint8Array>;

  /**
   * Adds a passkey; never overwrites. `limit` when the user already has `max` passkeys at its relying party, also under
   * concurrent inserts; else `exists` when anyone has that credential id. Keeps the passkey's handle for a user who has none.
   */
  insert(addition: { readonly passkey: Passkey; readonly max: number }): Awaitable<'inserted' | 'exists' | 'limit'>;

  /**
   * Every passkey of the user who owns this credential id, the one found first; empty when nobody does. `userHandle`
   * is what the browser claimed: a hint where to look, never a condition.
   */
  find(credential: { readonly credentialId: Uint8Array; readonly userHandle: Uint8Array | null }): Awaitable<Passkey[]>;

  /** A user's passkeys, oldest first. */
  listByUser(userId: string): Awaitable<Passkey[]>;

  /**
   * Compare and set: records the use only while the passkey is there, enabled, of the same `generation`, and its counter is
   * still `passkey.signCount`; and, when `passkey` was never used (`lastUsedAt` null), while it still was not. So exactly one
   * use is the first. With `session`, which is given only where {@link PasskeyStore.sessions} is there, both are stored or neither.
   */
  recordUse(use: {
    readonly passkey: Passkey;
    readonly use: PasskeyUse;
    readonly session?: SessionStart;
  }): Awaitable<UseResult>;

  /** The session store whose sessions `recordUse` can begin in the same step. Left out where it cannot. */
  readonly sessions?: SessionStore;

  /** Changes a passkey. With `keepLast` it refuses to disable the last enabled one, also when two try at once. */
  update(change: PasskeySelection & { readonly change: PasskeyChange }): Awaitable<PasskeyChangeResult>;

  /** Removes a passkey. With `keepLast` it refuses to remove the last enabled one, also when two try at once. */
  remove(selection: PasskeySelection): Awaitable<PasskeyChangeResult>;

  /** Keeps that a user said "not now" to a passkey that was offered: of several instants the latest, one for each user. */
  decline(answer: { readonly userId: string; readonly at: number }): Awaitable<void>;

  /** When the user last said so, in milliseconds since the epoch; null for never. */
  declinedAt(userId: string): Awaitable<number | null>;

  /** Forgets a user: every passkey, at every relying party, the handle, and the "not now". Answers the passkeys that were removed. */
  forget(userId: string): Awaitable<Passkey[]>;
}

/** Who is signed in, in one browser. A cookie holds its token; the store holds only the token's hash. */
export interface SignInSession {
  /** A UUID: what lists, records and tokens name. A step-up keeps it. */
  readonly id: string;
  /** SHA-256 of the token in the cookie: 43 base64url characters, case-sensitive. Unique. */
  readonly tokenHash: string;
  /** The application's own id of the account. */
  readonly userId: string;
  /** The relying party that was signed in to. */
  readonly rpId: string;
  /** The passkey that signed in, and its generation then: a later one means that it was disabled since. */
  readonly passkeyId: string;
  /** The passkey's generation at the sign-in. */
  readonly generation: number;
  /** The attempt that made it. */
  readonly attemptId: string;
  /** When the sign-in was. Milliseconds since the epoch. */
  readonly authenticatedAt: number;
  /** The authenticator verified its user. */
  readonly userVerified: boolean;
  /** Whether immediate mediation was enforced, as in the record of the sign-in. */
  readonly enforcement: Enforcement;
  /** The application's own sign-in named this person when the passkey signed in. */
  readonly firstFactor: boolean;
  /** The last step-up. */
  readonly stepUp: SessionStepUp | null;
  /** When the session began. Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When a request was last seen. Written at most once a minute. */
  readonly seenAt: number;
  /** Live only while `now < expiresAt`. */
  readonly expiresAt: number;
  /** Whether its cookie outlives the browser. */
  readonly persistent: boolean;
  /** Where the sign-in came from, as in its record; null where that is not known. */
  readonly address: string | null;
  /** The header, as in the record of the sign-in; null where that is not known. */
  readonly userAgent: string | null;
}

/** The last time that whoever is signed in confirmed with a passkey. */
export interface SessionStepUp {
  /** When. Milliseconds since the epoch. */
  readonly at: number;
  /** What was confirmed: at most 64 characters. Null for nothing in particular. */
  readonly action: string | null;
  /** With which passkey. */
  readonly passkeyId: string;
  /** The authenticator verified its user. */
  readonly userVerified: boolean;
}

/**
 * A session to begin. `replaces`: the token hash of a session that ends in the same step, or null. `renews`: that session
 * must still be there, and goes on under the new token; else nothing changes.
 */
export interface SessionStart {
  /** What to store. */
  readonly session: SignInSession;
  /** The token hash of the session that ends in the same step, or null. */
  readonly replaces: string | null;
  /** True: the session that is replaced must still be there, and goes on under the new token. */
  readonly renews: boolean;
}

/**
 * Which sessions to end: one by its id; all of a user (at one relying party; all but one); of a user at one relying party all but
 * one and so many others, `keepLatest`, that were seen latest (`seenAt`; of those seen at one instant that began last); all that
 * a passkey made or confirmed. Members narrow.
 */
export type SessionSelection =
  | { readonly id: string; readonly userId?: string; readonly rpId?: string }
  | { readonly tokenHash: string }
  | { readonly userId: string; readonly rpId?: string; readonly except?: string }
  | { readonly userId: string; readonly rpId: string; readonly except: string; readonly keepLatest: number }
  | { readonly passkeyId: string; readonly userId: string };

/** Keeps sign-in sessions. */
export interface SessionStore {
  /** Begins a session. Throws for an id or a token hash that is taken. False only where `renews` and there was nothing to renew. */
  begin(start: SessionStart): Awaitable<boolean>;

  /** The session, also an expired one that nobody has forgotten yet; null where there is none. */
  find(which: { readonly tokenHash: string } | { readonly id: string }): Awaitable<SignInSession | null>;

  /** Stores that a session was seen. Never moves `seenAt` back, and never revives a session that has ended: then false. */
  touch(seen: { readonly id: string; readonly seenAt: number }): Awaitable<boolean>;

  /** Ends sessions, and answers those that were there: of several who end one at once, exactly one gets it. */
  end(which: SessionSelection): Awaitable<SignInSession[]>;

  /** A user's sessions, newest first; expired ones may be among them. */
  listByUser(userId: string): Awaitable<SignInSession[]>;

  /**
   * Forgets at most `limit` sessions that expired at `now` or before; answers how many. Never forgets a live one. A store
   * whose rows expire by its own clock, some time after `expiresAt`, has nothing to forget and answers 0.
   */
  forgetExpired(due: { readonly now: number; readonly limit: number }): Awaitable<number>;
}

/** The right to register one passkey, as a store keeps it. A link holds its token; the store holds only the token's hash. */
export interface Invitation {
  /** What records and lists name: at most 64 ASCII characters. */
  readonly id: string;
  /** SHA-256 of the token: 43 base64url characters, case-sensitive. Unique. */
  readonly tokenHash: string;
  /** The application's own id of the account that the passkey will be for. */
  readonly userId: string;
  /** The relying party that it is good at. */
  readonly rpId: string;
  /** True: the user's other passkeys are removed when the new one is stored. */
  readonly replacesAll: boolean;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Good only while `now < expiresAt`. Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** `used`: a passkey was made with it. `revoked`: it was taken back, or a newer one took its place. */
  readonly status: 'open' | 'used' | 'revoked';
  /** Hash of the binding cookie of the browser that it was opened in: 43 base64url characters; null before. */
  readonly binding: string | null;
  /** The attempt that used it: at most 64 ASCII characters; null before. */
  readonly attemptId: string | null;
}

/** What changes of an invitation. */
export type InvitationState = Pick<Invitation, 'status' | 'binding' | 'attemptId'>;

/** Keeps invitations. */
export interface InvitationStore {
  /** Keeps a new invitation. Throws for an id or a token hash that is taken. */
  put(invitation: Invitation): Awaitable<void>;

  /** The invitation, also one that is used, revoked or expired; null where there is none. */
  find(which: { readonly tokenHash: string }): Awaitable<Invitation | null>;

  /** Compare and set: `to` takes the place of `from`, if that is its state. Of several who change it at once, exactly one is told true. */
  change(change: {
    readonly tokenHash: string;
    readonly from: InvitationState;
    readonly to: InvitationState;
  }): Awaitable<boolean>;

  /** A user's invitations, newest first; used, revoked and expired ones are among them. */
  listByUser(userId: string): Awaitable<Invitation[]>;

  /** Removes a user's invitations, at every relying party. Answers how many were open. */
  forget(userId: string): Awaitable<number>;

  /**
   * Forgets at most `limit` invitations that expired at `before` or earlier; answers how many. A store whose rows expire by its own
   * clock, more than a day after `expiresAt`, has nothing to forget and answers 0.
   */
  forgetExpired(due: { readonly before: number; readonly limit: number }): Awaitable<number>;
}

/** Which records to list. Every member narrows; `before` is the `event.id` of the last record already seen. */
export interface AttemptQuery {
  /** Only records of this name. */
  readonly name?: EventName;
  /** From this instant on. */
  readonly since?: number;
  /** Before this instant. */
  readonly until?: number;
  /** Only this account's, by the application's own id. */
  readonly userId?: string;
  /** Only records with this outcome. */
  readonly outcome?: Outcome;
  /** Only records with this enforcement. */
  readonly enforcement?: Enforcement;
  /** The `event.id` of the last record already seen: only older ones. */
  readonly before?: string;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** Keeps the records of attempts. */
export interface AttemptStore {
  /** Keeps a record; the same `event.id` twice is one record. */
  append(record: AttemptRecord): Awaitable<void>;
  /** Newest first, by `event.id` (UUIDv7). */
  list(query: AttemptQuery): Awaitable<AttemptRecord[]>;

  /** Removes at most `limit` records of attempts that ended before an instant; answers how many. Less than `limit`: none is left. */
  purge(due: { readonly before: number; readonly limit: number }): Awaitable<number>;

  /**
   * Removes at most `limit` records whose `user.id` is this one; answers how many. Less than `limit`: none is left. Records of
   * others that only point to one of them (`attempt.relatedId`) stay.
   */
  eraseUser(user: { readonly userId: string; readonly limit: number }): Awaitable<number>;
}

/** Everything Latchkey keeps. Mix freely: challenges in Redis, passkeys and sessions in SQL. */
export interface Store {
  /** Ceremonies between their options and their end. */
  readonly challenges: ChallengeStore;
  /** Passkeys and user handles. */
  readonly passkeys: PasskeyStore;
  /** Needed unless the application only issues tokens (`sessions: false`). */
  readonly sessions?: SessionStore;
  /** Records of attempts. Left out: records go to the log and to sinks only. */
  readonly attempts?: AttemptStore;
  /** Needed to invite people to register a passkey. */
  readonly invitations?: InvitationStore;
}
