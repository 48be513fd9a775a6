/**
 * What the server itself does with a person's passkeys, sessions and invitations: a help desk, a deletion of an account, a job. Each change is
 * recorded with who made it and why, its owner is told, and sessions end, as when a person does it.
 */
import type { HttpRequest } from '../adapter.ts';
import { inBatches } from '../batches.ts';
import type { Config } from '../config/config.ts';
import { between, demand, oneOf } from '../config/demand.ts';
import type { Duration } from '../duration.ts';
import { isFitName } from '../names.ts';
import type { PasskeyNotice, PasskeyView } from '../options.ts';
import type { EventName } from '../record/attempt.ts';
import { newDraft } from '../record/draft.ts';
import { newId } from '../record/id.ts';
import type { Publisher } from '../signals/publish.ts';
import type { Invitation, Passkey, PasskeyChangeResult, SignInSession } from '../store/store.ts';
import type { RequestContext } from './context.ts';
import { hashToken, newToken, revokeInvitations } from './invitation.ts';
import { notify } from './notify.ts';
import { describePasskey } from './passkeys.ts';
import { publishEvents } from './report.ts';
import type { Services } from './services.ts';

/** Who makes a change, and why: for its record. */
export interface Change {
  /** `operator`: a person of yours, at a help desk, say. `application`: code of its own, such as a job. */
  readonly by: 'operator' | 'application';
  /** In your own words: one line, at most 256 characters. It must not name a secret. */
  readonly reason: string;
}

/** The options of `invite`. */
export interface InvitationOptions {
  /** How long it is good for: 1 minute to 24 hours, as NIST SP 800-63B-4 §4.2.1.2 has it for a code sent by mail. Default `'1h'`. */
  readonly for?: Duration;
  /** `operator`: a person of yours, at a help desk, say. `application`: code of its own, such as a job. */
  readonly by: 'operator' | 'application';
  /** In your own words, for the record: one line, at most 256 characters. It must not name a secret. */
  readonly reason?: string;
  /** `all`: when the new passkey is stored, the user's other passkeys here are removed and every session here ends. Default: nothing is. */
  readonly replaces?: 'all';
}

/** An invitation that was just issued. */
export interface IssuedInvitation {
  /** What its records name: the attempt id of the record that says it was issued. */
  readonly id: string;
  /** 28 letters and digits in groups of four. Nothing keeps it: hand it to the person, in the fragment of a link or read out, and forget it. */
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** An open invitation, as lists show it. */
export interface InvitationView {
  /** What its records name. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** A browser has opened it: it is good in that one only. */
  readonly opened: boolean;
  /** `all`: the user's other passkeys go when it is used. */
  readonly replaces: 'all' | null;
}

/** A session, as lists show it. */
export type SessionView = Pick<
  SignInSession,
  'id' | 'rpId' | 'passkeyId' | 'createdAt' | 'seenAt' | 'expiresAt' | 'address' | 'userAgent'
>;

/**
 * The passkeys, sessions and invitations of one user, for the server's own code. Verbs that change a passkey answer it as it is now, or null
 * where this user has no such passkey at this relying party. All reject when the store does not answer.
 */
export interface UserAdministration {
  /** The user's passkeys at this relying party, oldest first. */
  list(): Promise<readonly Omit<PasskeyView, 'current'>[]>;
  /**
   * Gives a passkey another nickname; what is longer than 100 characters is cut. Rejects with a `ConfigurationError` for one with
   * control or format characters.
   */
  rename(
    change: Change & { readonly id: string; readonly nickname: string },
  ): Promise<Omit<PasskeyView, 'current'> | null>;
  /** Lets a disabled passkey be used again. Sessions that ended stay ended. */
  enable(change: Change & { readonly id: string }): Promise<Omit<PasskeyView, 'current'> | null>;
  /** Also the last one. Its sessions end. */
  disable(change: Change & { readonly id: string }): Promise<Omit<PasskeyView, 'current'> | null>;
  /** Also the last one. Its sessions end. */
  remove(change: Change & { readonly id: string }): Promise<Omit<PasskeyView, 'current'> | null>;
  /** Removes every passkey at this relying party, and ends every session here. Answers how many passkeys there were. */
  removeAll(change: Change): Promise<number>;
  /** The user's live sessions at this relying party, newest first. */
  sessions(): Promise<readonly SessionView[]>;
  /** Ends every session at this relying party, or all but one. Answers how many there were. */
  endSessions(change: Change & { readonly except?: string }): Promise<number>;
  /**
   * Issues the right to register one passkey at this relying party, for a person who cannot sign in. One that was issued before is
   * revoked. Needs `store.invitations`.
   */
  invite(invitation: InvitationOptions): Promise<IssuedInvitation>;
  /** The open invitation at this relying party, if there is one; more than one only for a moment. */
  invitations(): Promise<readonly InvitationView[]>;
  /** Revokes every open invitation at this relying party. Answers how many there were. */
  endInvitations(change: Change): Promise<number>;
  /**
   * Forgets the user at every relying party: passkeys, user handle, sessions, invitations, and in `store.attempts` every record that names
   * them. Answers how many there were of each. The reason must not name the person: it stays in a record. What this does not
   * reach: other sinks, and ceremonies under way, which name their user for up to 20 minutes and then are gone (docs/retention.md).
   * Delete the account first: a ceremony that ends later leaves a record that names nobody.
   */
  forget(change: Change): Promise<{
    readonly passkeys: number;
    readonly sessions: number;
    readonly invitations: number;
    readonly attempts: number;
  }>;
}

/** How long an invitation may be good, in milliseconds. */
const INVITATION_MS = { least: 60_000, most: 24 * 3_600_000 };

/** How many records are erased at once. */
const BATCH = 1_000;

/** No request: what the server does by itself. */
const NO_REQUEST: HttpRequest = {
  method: '',
  path: '',
  url: '',
  header: () => undefined,
  body: { parsed: undefined },
  address: null,
  framework: 'none',
  native: undefined,
  nativeResponse: undefined,
};

export function administer(
  config: Config,
  { store, sessions, publisher }: Services & { readonly publisher: Publisher },
  userId: string,
): UserAdministration {
  const rpId = config.rp.id;
  const one = (id: string) => ({ userId, rpId, id, keepLast: false });

  /** Runs a change, and publishes the records of what it brought about. */
  async function recorded<T>(change: Change, work: (context: RequestContext) => Promise<T>): Promise<T> {
    checkReason(change);
    return recordedAs(change, work);
  }

  async function recordedAs<T>(
    { by, reason }: Pick<Change, 'by'> & Partial<Change>,
    work: (context: RequestContext) => Promise<T>,
  ): Promise<T> {
    oneOf('by', by, ['operator', 'application']);
    const now = config.now();
    const draft = newDraft('latchkey.session.ended', now);
    draft.userId = userId;
    draft.changedBy = by;
    draft.note = reason ?? null;
    draft.stage = 'session';
    draft.immediateMediation = config.policy.immediateMediation;
    const context: RequestContext = {
      config,
      request: NO_REQUEST,
      reporter: publisher.reporter(),
      sessionToken: null,
      events: [],
      receivedAt: now,
      binding: null,
      draft,
      cookies: [],
      whenDone: [],
      undo: [],
    };
    try {
      return await work(context);
    } finally {
      publishEvents(context, null);
    }
  }

  const record = (context: RequestContext, name: EventName, { credentialId, aaguid }: Passkey) =>
    context.events.push({ name, changes: { credentialId, aaguid, relatedId: null } });

  async function tell(context: RequestContext, passkey: Passkey, notice: PasskeyNotice): Promise<void> {
    const user = await config.accounts.find(userId);
    if (user) notify(context, user, passkey, notice);
  }

  async function endSessionsOf(
    context: RequestContext,
    { id }: Passkey,
    by: Change['by'],
    because: 'passkey_removed' | 'passkey_disabled',
  ) {
    if (config.sessions) await sessions.end(context, { userId, passkeyId: id }, by, because);
  }

  /** What became of a change to one passkey: its record, its owner's notification, and its sessions. */
  async function follow(
    change: Change,
    result: (context: RequestContext) => Promise<PasskeyChangeResult>,
    {
      event,
      notice,
      ends,
    }: { event: EventName; notice?: PasskeyNotice; ends?: 'passkey_removed' | 'passkey_disabled' },
  ) {
    return recorded(change, async (context) => {
      const changed = await result(context);
      if (changed.status !== 'done') return null;
      const { passkey, wasEnabled } = changed;
      record(context, event, passkey);
      if (ends) await endSessionsOf(context, passkey, change.by, ends);
      const isNews = notice !== undefined && (ends === 'passkey_removed' || passkey.enabled !== wasEnabled);
      if (isNews) await tell(context, passkey, notice);
      return view(passkey);
    });
  }

  return {
    list: async () => (await store.passkeys.listByUser(userId)).filter((passkey) => passkey.rpId === rpId).map(view),

    async rename({ id, nickname, ...change }) {
      demand(isFitName(nickname), 'nickname', nickname, 'Leave out its control and format characters.');
      return follow(change, () => store.passkeys.update({ ...one(id), change: { nickname: nickname.slice(0, 100) } }), {
        event: 'latchkey.passkey.renamed',
      });
    },

    enable: ({ id, ...change }) =>
      follow(change, () => store.passkeys.update({ ...one(id), change: { enabled: true } }), {
        event: 'latchkey.passkey.enabled',
        notice: { kind: 'passkey_enabled' },
      }),

    disable: ({ id, ...change }) =>
      follow(change, () => store.passkeys.update({ ...one(id), change: { enabled: false } }), {
        event: 'latchkey.passkey.disabled',
        notice: { kind: 'passkey_disabled', by: change.by },
        ends: 'passkey_disabled',
      }),

    remove: ({ id, ...change }) =>
      follow(change, () => store.passkeys.remove(one(id)), {
        event: 'latchkey.passkey.removed',
        notice: { kind: 'passkey_removed' },
        ends: 'passkey_removed',
      }),

    async removeAll(change) {
      let removed = 0;
      let inThisRound: number;
      // Until a round finds none: a request that was let in before may add one meanwhile.
      do {
        inThisRound = 0;
        for (const { id } of await this.list()) if (await this.remove({ ...change, id })) inThisRound += 1;
        removed += inThisRound;
      } while (inThisRound > 0);
      if (config.sessions) await this.endSessions(change);
      return removed;
    },

    async sessions() {
      if (!store.sessions) return [];
      const now = config.now();
      const live = (await store.sessions.listByUser(userId)).filter(
        (session) => session.rpId === rpId && now < session.expiresAt,
      );
      return live.map(({ id, passkeyId, createdAt, seenAt, expiresAt, address, userAgent }) => {
        return { id, rpId, passkeyId, createdAt, seenAt, expiresAt, address, userAgent };
      });
    },

    endSessions: ({ except, ...change }) =>
      recorded(change, async (context) => {
        if (!config.sessions) return 0;
        const which = { userId, rpId, ...(except !== undefined && { except }) };
        return (await sessions.end(context, which, change.by, 'ended_for_user')).length;
      }),

    async invite({ for: life = '1h', by, reason, replaces }) {
      const { invitations } = store;
      demand(invitations !== null, 'store.invitations', undefined, 'Hand in an invitation store: it keeps them.');
      demand(replaces === undefined || replaces === 'all', 'replaces', replaces, "Write 'all', or leave it out.");
      const ms = between('for', life, INVITATION_MS.least, INVITATION_MS.most);
      return recordedAs({ by, ...(reason !== undefined && { reason }) }, async (context) => {
        const createdAt = config.now();
        const id = newId(createdAt);
        const token = newToken();
        const tokenHash = hashToken(token)!;
        const expiresAt = createdAt + ms;
        const replacesAll = replaces === 'all';
        await invitations.put({
          ...{ id, tokenHash, userId, rpId, replacesAll, createdAt, expiresAt },
          ...{ status: 'open', binding: null, attemptId: null },
        });
        context.events.push({
          name: 'latchkey.invitation.issued',
          changes: { attemptId: id, relatedId: null, challengeTtlMs: ms },
        });
        // Of two that are issued at once, the newer stays.
        const isOlder = (other: Invitation) =>
          other.createdAt < createdAt || (other.createdAt === createdAt && other.id < id);
        await revokeInvitations(context, store, userId, isOlder);
        return { id, token, expiresAt };
      });
    },

    async invitations() {
      const now = config.now();
      const own = (await store.invitations?.listByUser(userId)) ?? [];
      return own
        .filter((invitation) => invitation.rpId === rpId && invitation.status === 'open' && now < invitation.expiresAt)
        .map(({ id, createdAt, expiresAt, binding, replacesAll }) => {
          return { id, createdAt, expiresAt, opened: binding !== null, replaces: replacesAll ? 'all' : null };
        });
    },

    endInvitations: (change) =>
      recorded(change, async (context) =>
        store.invitations ? (await revokeInvitations(context, store, userId)).length : 0,
      ),

    forget: (change) =>
      recorded(change, async (context) => {
        // Whoever can still get in, first: then no sign-in that was let in before leaves a session behind.
        const invitations = (await store.invitations?.forget(userId)) ?? 0;
        const passkeys = await store.passkeys.forget(userId);
        const ended = config.sessions ? await sessions.end(context, { userId }, change.by, 'ended_for_user') : [];
        const { attempts } = store;
        // What is on its way into the store has to be there to be erased.
        if (attempts) await publisher.drain();
        const erased = attempts ? await inBatches(BATCH, (limit) => attempts.eraseUser({ userId, limit })) : 0;
        // The record must not name a person who was to be forgotten.
        for (const event of context.events) Object.assign(event.changes, { userId: null });
        context.events.push({ name: 'latchkey.user.forgotten', changes: { userId: null, relatedId: null } });
        return { passkeys: passkeys.length, sessions: ended.length, invitations, attempts: erased };
      }),
  };
}

function view(passkey: Passkey): Omit<PasskeyView, 'current'> {
  const { current: _, ...rest } = describePasskey(passkey, null);
  return rest;
}

function checkReason({ reason }: Change): void {
  const isText = typeof reason === 'string' && reason.trim() !== '';
  demand(isText, 'reason', reason, 'Write why, in a few words: it stands in the record.');
}
