/**
 * Who is signed in: sessions of our own, kept in `store.sessions` and named by a token in a cookie. Begun by a ceremony, read
 * by guards and routes, ended for good. The store holds only the token's hash, so a copy of it signs nobody in.
 */
import { hash } from 'node:crypto';
import type { AppConfig, Config, Policy } from '../config/config.ts';
import { type Duration, milliseconds } from '../duration.ts';
import { type Refusal, refuse, refuseUnrecorded } from '../errors.ts';
import type { IdentifiedUser, User, UserAction } from '../options.ts';
import { random } from '../random.ts';
import type { Enforcement, SessionEnder, SessionEnding } from '../record/attempt.ts';
import { newId } from '../record/id.ts';
import type { Passkey, SessionSelection, SessionStart, SignInSession } from '../store/store.ts';
import type { GuardContext, RequestContext } from './context.ts';
import { isAttested, judgeAttestation, judgeDevice, judgeFirstFactor, judgeFlags } from './policy.ts';
import type { ReliableStore } from './reliable-store.ts';

/** The session that a guard hands to the application: `req.passkeySession`, `ctx.state.passkeySession`, `request.passkeySession`. */
export interface PasskeySession<U extends User = User> {
  /** Our id of the session, a UUID. For tokens that should end with it: see `isSessionLive`. */
  readonly id: string;
  /** The application's own account, whole: answer `{ id, name }` of it, never all of it. */
  readonly user: U;
  /** Our id of the passkey that signed in. */
  readonly passkeyId: string;
  /** Milliseconds since the epoch. */
  readonly authenticatedAt: number;
  /** The authenticator verified its user (PIN, finger, face) at the sign-in. */
  readonly userVerified: boolean;
  /** Whether immediate mediation was enforced at the sign-in, as in its record. */
  readonly enforcement: Enforcement;
}

/** The rule of `requireSignIn`. */
export interface SignInRule {
  /** How old the sign-in, or a step-up for no action in particular, may be. */
  readonly within?: Duration;
  /** Only a sign-in whose immediate mediation was enforced will do. One made by sign-up is not. */
  readonly enforced?: boolean;
  /** Where a page sends a person who does not meet the rule (303), with the way back as `returnTo`. Default: problem+json. */
  readonly redirectTo?: string;
}

/** The rule of `requireStepUp`. */
export interface StepUpRule {
  /** How old the step-up may be. */
  readonly within: Duration;
  /** The action it must have been for. Left out: a step-up for no action in particular. */
  readonly action?: string;
  /** Where a page sends a person who does not meet the rule (303), with the way back as `returnTo`. Default: problem+json. */
  readonly redirectTo?: string;
}

/** A live session, and its user as the application answers now. */
export interface SignedIn {
  readonly session: SignInSession;
  readonly user: User;
}

/** A person, as far as a request shows who is there: by a session of ours, or by the application's own sign-in. */
export interface Person {
  readonly user: User;
  readonly session: SignInSession | null;
  /** When this person last used a passkey here for nothing in particular. Milliseconds since the epoch; -Infinity for never. */
  readonly confirmedAt: number;
}

/** How a sign-in came about, for its session. */
export interface SignInFacts {
  readonly passkey: Passkey;
  readonly userVerified: boolean;
  readonly enforcement: Enforcement;
  /** The application's own sign-in named this person. */
  readonly firstFactor: boolean;
  /** A sign-up signs in at the instant that its passkey was made, which is how its session is known later. */
  readonly signedUp?: boolean;
}

/** A session that the store knew as live; and the passkeys that began it and stepped it up, where they have been looked up. */
interface Live {
  readonly session: SignInSession;
  readonly passkey: Passkey | null;
  readonly confirmedBy: Passkey | null;
}

/** How many sessions a process remembers. A full memory forgets the oldest, which only costs a look-up. */
const MOST_REMEMBERED = 10_000;

/** How far clocks of servers may differ, in milliseconds. An instant further in the future proves nothing about its age. */
const SKEW_MS = 60_000;

export type Sessions = ReturnType<typeof createSessions>;

/** Sessions of all tenants. */
export function createSessions(config: AppConfig, store: ReliableStore) {
  const settings = config.sessions;
  /** Sessions that the store knew as live a moment ago, by token hash. */
  const remembered = new Map<string, Live & { readonly askedAt: number }>();
  /** Counts the endings of this process: whatever was read from the store before one of them is not remembered after it. */
  let endings = 0;

  function remember(live: Live, endingsBefore: number): void {
    if (endings !== endingsBefore || settings!.revalidateAfterMs === 0) return;
    const { tokenHash } = live.session;
    remembered.delete(tokenHash);
    if (remembered.size >= MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!);
    remembered.set(tokenHash, { ...live, askedAt: config.now() });
  }

  function forget(which: SessionSelection): void {
    endings += 1;
    if ('tokenHash' in which) remembered.delete(which.tokenHash);
    else for (const [token, { session }] of remembered) if (fits(session, which)) remembered.delete(token);
  }

  function recall(tokenHash: string): Live | null {
    const known = remembered.get(tokenHash);
    if (known === undefined) return null;
    const age = config.now() - known.askedAt;
    // A clock that went back says nothing about how long ago the store was asked.
    if (age >= 0 && age < settings!.revalidateAfterMs) return known;
    remembered.delete(tokenHash);
    return null;
  }

  /** The session in the store, with its passkey still good; else why it is not. */
  async function lookUp(tokenHash: string): Promise<Live | { dead: SignInSession; because: SessionEnding } | null> {
    const endingsBefore = endings;
    const session = await store.sessions!.find({ tokenHash });
    if (session === null) return null;
    const passkeys = await store.passkeys.listByUser(session.userId);
    const passkey = passkeys.find(({ id }) => id === session.passkeyId);
    if (passkey === undefined) return { dead: session, because: 'passkey_removed' };
    // Of another generation: it was disabled since, and perhaps enabled again.
    if (!passkey.enabled || passkey.generation !== session.generation)
      return { dead: session, because: 'passkey_disabled' };
    const confirmedBy = passkeys.find(({ id, enabled }) => enabled && id === session.stepUp?.passkeyId) ?? null;
    const live = { session: { ...session, stepUp: confirmedBy && session.stepUp }, passkey, confirmedBy };
    remember(live, endingsBefore);
    return live;
  }

  /** Where being idle ends a session, being seen is stored: at most once a minute, and less often where days count. */
  async function touch(session: SignInSession, idleMs: number): Promise<boolean> {
    const now = config.now();
    const every = Math.min(idleMs / 10, Math.max(60_000, Math.min(idleMs / 20, 3_600_000)));
    if (now - session.seenAt < every) return true;
    const known = remembered.get(session.tokenHash);
    if (known) remembered.set(session.tokenHash, { ...known, session: { ...known.session, seenAt: now } });
    return store.sessions!.touch({ id: session.id, seenAt: now });
  }

  /** Ends sessions in the store and here. Each that was live is one record and one call of `onSignOut`. */
  async function end(
    context: GuardContext,
    which: SessionSelection,
    by: SessionEnder,
    because: SessionEnding,
  ): Promise<SignInSession[]> {
    forget(which);
    try {
      const ended = await store.sessions!.end(which);
      for (const session of ended) await tell(context, session, by, because);
      return ended;
    } finally {
      // What was read while the store was ending them.
      forget(which);
    }
  }

  /**
   * Ends what this person has beyond `sessions.max` here: the sessions that were not seen for longest, never the one that begins. Few
   * people have so many, so that not every sign-in asks the store: where the most is 100, one in ten does, by chance.
   */
  async function endSurplus(context: RequestContext, { id, userId, rpId }: SignInSession): Promise<void> {
    if (Math.random() * settings!.max >= 10) return;
    const surplus = { userId, rpId, except: id, keepLatest: settings!.max - 1 };
    for (const session of await store.sessions!.end(surplus)) {
      forget({ tokenHash: session.tokenHash });
      await tell(context, session, 'policy', 'too_many');
    }
  }

  async function tell(context: GuardContext, session: SignInSession, by: SessionEnder, because: SessionEnding) {
    // It had ended by itself, which leaves no record.
    if (isOver(session)) return;
    const { id, userId, passkeyId, attemptId } = session;
    const changes = { sessionId: id, userId, endedBy: by, endedBecause: because, changedBy: by, relatedId: attemptId };
    context.events.push({ name: 'latchkey.session.ended', changes });
    // What the application did itself it need not be told; and outside a request there is no session of its own to end.
    if (by === 'application' || config.onSignOut === undefined || context.request.native === undefined) return;
    const { native: request, nativeResponse: response } = context.request;
    const current = session.tokenHash === context.sessionToken && because !== 'replaced';
    try {
      await config.onSignOut({ session: { id, userId, passkeyId }, current, by, because, request, response });
    } catch (thrown) {
      context.reporter.error(thrown, { attemptId, what: 'onSignOut failed' });
    }
  }

  /** The live session of a request and its user. A session that is dead for a reason is ended; one that expired is counted. */
  async function current(context: GuardContext): Promise<SignedIn | null> {
    const token = context.sessionToken;
    if (settings === null || token === null) return null;
    let live = recall(token);
    if (live === null || !meets(live, context.config) || !isInTime(seenHere(live, context.config), context.config)) {
      const found = await lookUp(token);
      if (found !== null && 'dead' in found) {
        await end(context, { id: found.dead.id }, 'policy', found.because);
        return null;
      }
      live = found;
    }
    // Tenants may share a host, and so a cookie; and hosts of one tenant may have policies of their own, while clients carry
    // cookies where they like. A session is worth nothing where it could not have begun, and is left alone.
    if (live === null || live.session.rpId !== context.config.rp.id || !meets(live, context.config)) return null;
    const session = seenHere(live, context.config);
    if (!isInTime(session, context.config)) {
      forget({ tokenHash: session.tokenHash });
      return null;
    }
    if (!(await isSamePerson(context, session))) return null;
    const user = await config.accounts.active(session.userId);
    if (user === null) {
      await end(context, { id: session.id }, 'policy', 'user_disabled');
      return null;
    }
    if (!(await touch(session, idleOf(context.config)))) {
      forget({ tokenHash: session.tokenHash });
      return null;
    }
    return { session, user };
  }

  /** Ends the session where the application names another person, or, if it wants that, nobody any more. */
  async function isSamePerson(context: GuardContext, session: SignInSession): Promise<boolean> {
    if (!config.accounts.identifies) return true;
    const identified = await identifiedUser(context);
    if (identified === null ? !settings!.followIdentify : identified.id === session.userId) return true;
    const because = identified === null ? 'not_identified' : 'person_changed';
    await end(context, { id: session.id }, 'application', because);
    return false;
  }

  function idleOf({ policy }: Config): number {
    return Math.min(settings!.idleMs, policy.reauthentication?.idleMs ?? Number.POSITIVE_INFINITY);
  }

  /** Whether a session has expired, or was idle too long, wherever it began. */
  function isOver({ authenticatedAt, stepUp, seenAt, expiresAt }: SignInSession): boolean {
    const now = config.now();
    return now >= expiresAt || now - Math.max(authenticatedAt, stepUp?.at ?? 0, seenAt) > settings!.idleMs;
  }

  /** Whether this session has neither expired, nor been idle too long, nor to sign in again by now. */
  function isInTime({ authenticatedAt, stepUp, seenAt, expiresAt }: SignInSession, tenant: Config): boolean {
    const now = config.now();
    const latest = Math.max(authenticatedAt, stepUp?.at ?? 0);
    const afterMs = tenant.policy.reauthentication?.afterMs ?? Number.POSITIVE_INFINITY;
    return now < expiresAt && now - latest <= afterMs && now - Math.max(latest, seenAt) <= idleOf(tenant);
  }

  /** Whether a session is as good as the policy here wants a sign-in to be. A sign-up has no UI mode: its session does without. */
  function meets({ session, passkey }: Live, { policy }: Config): boolean {
    const ofSignUp = session.enforcement === 'not_applicable' && session.authenticatedAt === passkey?.createdAt;
    if (policy.immediateMediation === 'require' && session.enforcement !== 'enforced' && !ofSignUp) return false;
    return judgeFirstFactor(session.firstFactor, policy.firstFactor).allow && isFit(passkey, session, policy);
  }

  /** A live session as the policy here sees it: a step-up that could not have been made here is none. */
  function seenHere({ session, confirmedBy }: Live, { policy }: Config): SignInSession {
    const { stepUp } = session;
    return stepUp === null || isFit(confirmedBy, stepUp, policy) ? session : { ...session, stepUp: null };
  }

  /** A new token for a session, and the cookie that carries it. */
  function issue(context: RequestContext, session: Omit<SignInSession, 'tokenHash'>): SignInSession {
    const token = random(32, 'base64url');
    const maxAge = Math.max(1, Math.floor((session.expiresAt - config.now()) / 1_000));
    setCookie(context, token, session.persistent ? maxAge : null);
    return { ...session, tokenHash: hashToken(token) };
  }

  return {
    current,
    end,

    /** The session that the cookie names, whatever it is still good for. */
    async peek({ sessionToken }: GuardContext): Promise<SignInSession | null> {
      if (settings === null || sessionToken === null) return null;
      return recall(sessionToken)?.session ?? store.sessions!.find({ tokenHash: sessionToken });
    },

    /** Who is there: by a session of ours, else by the application's own sign-in, else nobody. */
    async person(context: GuardContext): Promise<Person | null> {
      const signedIn = await current(context);
      if (signedIn) return { ...signedIn, confirmedAt: lastConfirmed(signedIn.session) };
      const user = await identifiedUser(context);
      return user && { user, session: null, confirmedAt: user.authenticatedAt ?? Number.NEGATIVE_INFINITY };
    },

    /** A session for a sign-in that is about to be stored. Null without sessions. */
    prepare(
      context: RequestContext,
      { passkey, userVerified, enforcement, firstFactor, signedUp }: SignInFacts,
    ): SessionStart | null {
      if (settings === null) return null;
      const now = signedUp ? passkey.createdAt : config.now();
      const { ms, persistent } = settings.lifetime(context.request.native);
      const session = issue(context, {
        // In the order of time, which keeps new rows of an index together: a sign-in on SQLite takes 9 % less of the statements' time.
        id: newId(now),
        userId: passkey.userId,
        rpId: passkey.rpId,
        passkeyId: passkey.id,
        generation: passkey.generation,
        attemptId: context.draft.attemptId,
        authenticatedAt: now,
        userVerified,
        enforcement,
        firstFactor,
        stepUp: null,
        createdAt: now,
        seenAt: now,
        expiresAt: now + ms,
        persistent,
        address: context.draft.address,
        userAgent: context.draft.userAgent?.slice(0, 256) ?? null,
      });
      return { session, replaces: null, renews: false };
    },

    /** The same session under a new token, with a step-up. The old token is worth nothing from then on. */
    prepareStepUp(
      context: RequestContext,
      { session }: SignedIn,
      { passkey, userVerified, action }: { passkey: Passkey; userVerified: boolean; action: string | null },
    ): SessionStart {
      const now = config.now();
      const stepUp = { at: now, action, passkeyId: passkey.id, userVerified };
      return {
        session: issue(context, { ...session, stepUp, seenAt: now }),
        replaces: session.tokenHash,
        renews: true,
      };
    },

    /**
     * Stores a session. `storeBoth` does it in the same step as the use of its passkey, where the store can. A new one ends the
     * session that this browser had, and what is one too many. Ends the new one again if the request is refused after all.
     */
    async begin<Outcome>(
      context: RequestContext,
      start: SessionStart,
      storeBoth: () => Promise<Outcome>,
      isBegun: (outcome: Outcome) => boolean,
    ): Promise<Outcome> {
      const { session, replaces } = start;
      if (replaces !== null) forget({ tokenHash: replaces });
      const endingsBefore = endings;
      context.undo.push(async () => {
        // By its token: another step-up may have renewed the session meanwhile, and that one stays.
        const own = { tokenHash: session.tokenHash };
        forget(own);
        await store.sessions!.end(own);
        forget(own);
      });
      try {
        const outcome = await storeBoth();
        if (!isBegun(outcome)) return outcome;
        remember({ session, passkey: null, confirmedBy: null }, endingsBefore);
        context.draft.sessionId = session.id;
        if (!start.renews) {
          const { sessionToken } = context;
          if (sessionToken !== null) await end(context, { tokenHash: sessionToken }, 'person', 'replaced');
          await endSurplus(context, session);
        }
        return outcome;
      } finally {
        // What was read while the store was replacing it.
        if (replaces !== null) forget({ tokenHash: replaces });
      }
    },

    /** Stores a session by itself. Throws `session_failed`: the passkey was proved, and nobody is in. */
    async write(start: SessionStart): Promise<boolean> {
      return store.sessions!.begin(start).catch((thrown: Refusal) => {
        throw refuse('session_failed', { cause: thrown.cause });
      });
    },

    /** Signs this browser out, whatever its session is still good for, and takes its cookie away. */
    async signOut(context: RequestContext, by: SessionEnder): Promise<void> {
      if (settings === null) return;
      setCookie(context, '', 0);
      if (context.sessionToken === null) return;
      await end(context, { tokenHash: context.sessionToken }, by, 'signed_out');
    },

    /** Whether the session with this id is live: for tokens that carry it. Asks the store. */
    async isLive(id: string, tenant: Config): Promise<boolean> {
      if (settings === null || !/^[0-9a-f-]{36}$/.test(id)) return false;
      const session = await store.sessions!.find({ id });
      if (session === null || session.rpId !== tenant.rp.id) return false;
      const found = await lookUp(session.tokenHash);
      if (found === null || 'dead' in found || !meets(found, tenant)) return false;
      if (!isInTime(seenHere(found, tenant), tenant)) return false;
      return (await config.accounts.active(session.userId)) !== null;
    },

    /** The rule of `requireSignIn`: throws the refusal that the guard answers. */
    async require(context: GuardContext, rule: SignInRule): Promise<PasskeySession> {
      const signedIn = await current(context);
      if (!signedIn) throw refuseUnrecorded('sign_in_required');
      const { session } = signedIn;
      if (
        rule.within !== undefined &&
        !isRecent(lastConfirmed(session), milliseconds('within', rule.within), config.now())
      ) {
        throw refuseUnrecorded('step_up_required');
      }
      if (rule.enforced && session.enforcement !== 'enforced') throw refuseUnrecorded('policy_denied');
      return describeSession(signedIn);
    },

    /** The rule of `requireStepUp`. A step-up for one action serves no other, and a plain one serves no action. */
    async requireStepUp(context: GuardContext, rule: StepUpRule): Promise<PasskeySession> {
      const signedIn = await current(context);
      if (!signedIn) throw refuseUnrecorded('sign_in_required');
      const { stepUp } = signedIn.session;
      const fits = stepUp !== null && stepUp.action === (rule.action ?? null);
      if (!fits || !isRecent(stepUp.at, milliseconds('within', rule.within), config.now())) {
        throw refuseUnrecorded('step_up_required');
      }
      return describeSession(signedIn);
    },
  };
}

/** What of a live session the application is handed. */
export function describeSession({ session, user }: SignedIn): PasskeySession {
  const { id, passkeyId, authenticatedAt, userVerified, enforcement } = session;
  return { id, user, passkeyId, authenticatedAt, userVerified, enforcement };
}

/** Whether a policy lets this passkey sign in, or step up, in this way. A passkey that was not looked up is fit where nothing is asked of it. */
function isFit(passkey: Passkey | null, { userVerified }: { readonly userVerified: boolean }, policy: Policy): boolean {
  return (
    judgeFlags({ userPresent: true, userVerified }, policy.userVerification).allow &&
    judgeDevice(passkey?.backupEligible !== false, policy.requirements).allow &&
    judgeAttestation(passkey !== null && isAttested(passkey, policy), policy.requirements).allow
  );
}

/** When this person last used their passkey here, for nothing in particular: a step-up for one action counts for that alone. */
function lastConfirmed({ authenticatedAt, stepUp }: SignInSession): number {
  return stepUp !== null && stepUp.action === null ? Math.max(authenticatedAt, stepUp.at) : authenticatedAt;
}

/** Whether an instant is at most `ms` ago. One in the future is not: a clock was wrong. */
export function isRecent(at: number, ms: number, now: number): boolean {
  return now - at <= ms && at - now <= SKEW_MS;
}

/** Throws unless this person signed in, or stepped up without an action, within `recentSignIn`. */
export function requireRecent({ confirmedAt }: Person, { policy, now }: Config): void {
  if (!isRecent(confirmedAt, policy.recentSignInMs, now())) throw refuseUnrecorded('step_up_required');
}

/** When this person last showed who they are: by a passkey here, or by a password there. Milliseconds since the epoch. */
export async function lastProved(context: GuardContext, { user, confirmedAt }: Person): Promise<number> {
  const identified = await identifiedUser(context);
  const passwordAt = identified?.id === user.id ? identified.passwordAt : null;
  return Math.max(confirmedAt, passwordAt ?? Number.NEGATIVE_INFINITY);
}

/** Throws unless the application's own rules let this person do it. The person is known, so the answer may say it. */
export async function requireAllowed({ config }: GuardContext, user: User, action: UserAction): Promise<void> {
  const allowed = await config.accounts.allows(user, action);
  if (!allowed) throw refuse('user_policy', { code: 'policy_denied', rule: 'user' });
}

/** Who the application's own sign-in says is there. Asked once a request. */
export function identifiedUser(context: GuardContext): Promise<IdentifiedUser | null> {
  context.identified ??= context.config.accounts.identify(context.request.native);
  return context.identified;
}

/** The hash of the first well-formed token in the session cookie. */
export function readSessionToken({ sessionCookie }: Config, cookies: string | undefined): string | null {
  if (!cookies) return null;
  const token = patternOf(sessionCookie.name).exec(cookies)?.[1];
  return token === undefined ? null : hashToken(token);
}

/**
 * As many as there are names of session cookies: they come from configuration, never from a request. Only a space and a tab
 * stand around a cookie: see the browser binding.
 */
const patterns = new Map<string, RegExp>();

function patternOf(name: string): RegExp {
  const pattern = patterns.get(name) ?? new RegExp(`(?:^|;)[ \\t]*${name}=([\\w-]{43})[ \\t]*(?:;|$)`);
  patterns.set(name, pattern);
  return pattern;
}

function hashToken(token: string): string {
  return hash('sha256', token, 'base64url');
}

function setCookie({ config: { sessionCookie }, cookies }: RequestContext, token: string, maxAge: number | null): void {
  const age = maxAge === null ? '' : ` Max-Age=${maxAge};`;
  cookies.push(`${sessionCookie.name}=${token}; Path=/; HttpOnly;${age}${sessionCookie.attributes}`);
}

/** Whether a session is among those that a selection means. */
function fits(session: SignInSession, which: Exclude<SessionSelection, { readonly tokenHash: string }>): boolean {
  if (which.userId !== undefined && session.userId !== which.userId) return false;
  if ('passkeyId' in which) return [session.passkeyId, session.stepUp?.passkeyId].includes(which.passkeyId);
  return 'id' in which ? session.id === which.id : session.id !== which.except;
}

/** Refuses the verify of a person whose session ended meanwhile. */
export function sessionGone() {
  return refuse('challenge_session_mismatch', { code: 'sign_in_required' });
}
