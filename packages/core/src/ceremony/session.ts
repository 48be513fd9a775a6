/**
 * Who is signed in: written after a ceremony, read by guards, dead when its passkey is removed or disabled.
 * The framework's own session library keeps it; here is only what it means.
 */

import type { HttpRequest, SignedIn } from '../adapter.ts';
import type { AppConfig, Config } from '../config/config.ts';
import { type Duration, milliseconds } from '../duration.ts';
import { refuse, refuseUnrecorded } from '../errors.ts';
import type { User } from '../options.ts';
import type { Enforcement } from '../record/attempt.ts';
import { inSpan } from '../signals/telemetry.ts';
import type { Passkey } from '../store/store.ts';
import type { RequestContext } from './context.ts';
import type { ReliableStore } from './reliable-store.ts';

/** What a guard hands to the application: `req.passkey`, `ctx.state.passkey`, `request.passkey`. */
export interface PasskeySession {
  readonly user: User;
  readonly passkeyId: string;
  readonly authenticatedAt: number;
  readonly userVerified: boolean;
  readonly enforcement: Enforcement;
}

export interface SignInRule {
  /** The sign-in, or a step-up for no action in particular, may be at most this old. */
  readonly within?: Duration;
  /** Only a sign-in whose immediate mediation was enforced will do. One made by sign-up is not. */
  readonly enforced?: boolean;
}

export interface StepUpRule {
  /** The step-up may be at most this old. */
  readonly within: Duration;
  /** The action it must have been for. Left out: a step-up for no action in particular. */
  readonly action?: string;
}

/** Sessions of all tenants, with the answers to "is this passkey still good?" for as long as `revalidateAfter`. */
export function createSessions(shared: AppConfig, store: ReliableStore) {
  const good = new Map<string, { generation: number; until: number }>();

  /** Remembers that a passkey is good. Bounded: a full memory forgets the oldest, which only costs a look-up. */
  function remember(passkey: Passkey): void {
    good.delete(passkey.id);
    if (good.size >= 10_000) good.delete(good.keys().next().value!);
    good.set(passkey.id, { generation: passkey.generation, until: shared.now() + shared.revalidateAfterMs });
  }

  async function isStillGood(signedIn: SignedIn): Promise<boolean> {
    const known = good.get(signedIn.passkeyId);
    // Of another generation it says nothing: another process may have disabled and enabled the passkey since.
    if (known && shared.now() < known.until && known.generation === signedIn.generation) return true;
    good.delete(signedIn.passkeyId);
    const passkey = (await store.passkeys.listByUser(signedIn.userId)).find(({ id }) => id === signedIn.passkeyId);
    if (!passkey?.enabled || passkey.generation !== signedIn.generation) return false;
    remember(passkey);
    return true;
  }

  /** Whether this session need not sign in again by now. A step-up counts: the person was there. */
  function isRecentEnough({ authenticatedAt, stepUp, seenAt }: SignedIn, { policy }: Config): boolean {
    if (policy.reauthentication === null) return true;
    const { afterMs, idleMs } = policy.reauthentication;
    const latest = Math.max(authenticatedAt, stepUp?.at ?? 0);
    return shared.now() - latest <= afterMs && shared.now() - Math.max(latest, seenAt ?? 0) <= idleMs;
  }

  /** Where being idle ends a session, being here is written down; not at every request. */
  async function markSeen({ session }: HttpRequest, signedIn: SignedIn, { policy }: Config): Promise<void> {
    const idleMs = policy.reauthentication?.idleMs ?? Number.POSITIVE_INFINITY;
    const now = shared.now();
    if (now - (signedIn.seenAt ?? signedIn.authenticatedAt) < Math.min(60_000, idleMs / 10)) return;
    if (Number.isFinite(idleMs)) await session!.write({ ...signedIn, seenAt: now });
  }

  /** The session, if it is there, its user is active and its passkey still good. A dead one is ended. */
  async function current(request: HttpRequest, config: Config): Promise<(SignedIn & { readonly user: User }) | null> {
    const signedIn = request.session?.read();
    if (!signedIn) return null;
    const fits = signedIn.rpId === config.rp.id && isRecentEnough(signedIn, config);
    const user = fits ? await activeUser(config, signedIn.userId) : null;
    if (user && (await isStillGood(signedIn))) {
      await markSeen(request, signedIn, config);
      return { ...signedIn, user };
    }
    await request.session!.clear();
    return null;
  }

  return {
    current,

    /** A fresh session for this person: new id first, then the data. Data of anyone else than `knownAs` is dropped. */
    async begin(
      context: RequestContext,
      passkey: Passkey,
      knownAs: string | null,
      how: { userVerified: boolean; enforcement: Enforcement; authenticatedAt: number },
    ): Promise<void> {
      const { session } = context.request;
      if (session === null) {
        if (shared.onSignIn) return;
        throw refuse('config_invalid', {
          cause: new Error(
            'There is no session: mount a session middleware in front of the passkey routes, or set onSignIn.',
          ),
        });
      }
      await written(async () => {
        await session.rotate([session.read()?.userId, knownAs].includes(passkey.userId));
        await session.write({
          rpId: passkey.rpId,
          userId: passkey.userId,
          passkeyId: passkey.id,
          generation: passkey.generation,
          ...how,
        });
      });
      remember(passkey);
    },

    /** The same person once more: a new session id, all data kept. */
    async stepUp(context: RequestContext, signedIn: SignedIn, action: string | null): Promise<number> {
      const at = shared.now();
      const { rpId, userId, passkeyId, generation, authenticatedAt, userVerified, enforcement } = signedIn;
      await written(async () => {
        await context.request.session!.rotate(true);
        await context.request.session!.write({
          rpId,
          userId,
          passkeyId,
          generation,
          authenticatedAt,
          userVerified,
          enforcement,
          stepUp: { at, ...(action === null ? {} : { action }) },
        });
      });
      return at;
    },

    /** The rule of `requireSignIn`: throws what the guard answers. */
    async require(request: HttpRequest, config: Config, rule: SignInRule): Promise<PasskeySession> {
      const session = await current(request, config);
      if (!session) throw refuseUnrecorded('sign_in_required');
      if (rule.within !== undefined && config.now() - lastConfirmed(session) > milliseconds('within', rule.within)) {
        throw refuseUnrecorded('step_up_required');
      }
      if (rule.enforced && session.enforcement !== 'enforced') throw refuseUnrecorded('policy_denied');
      return describe(session);
    },

    /** The rule of `requireStepUp`. A step-up for one action serves no other, and a plain one serves no action. */
    async requireStepUp(request: HttpRequest, config: Config, rule: StepUpRule): Promise<PasskeySession> {
      const session = await current(request, config);
      if (!session) throw refuseUnrecorded('sign_in_required');
      const { stepUp } = session;
      if (!stepUp || stepUp.action !== rule.action || config.now() - stepUp.at > milliseconds('within', rule.within)) {
        throw refuseUnrecorded('step_up_required');
      }
      return describe(session);
    },

    /** Throws unless this session signed in, or stepped up without an action, within `recentSignIn`. */
    requireRecent(signedIn: Pick<SignedIn, 'authenticatedAt' | 'stepUp'>, config: Config): void {
      if (config.now() - lastConfirmed(signedIn) > config.policy.recentSignInMs)
        throw refuseUnrecorded('step_up_required');
    },

    /** A passkey that was disabled or removed: its sessions end here at once, elsewhere within `revalidateAfter`. */
    forget(passkeyId: string): void {
      good.delete(passkeyId);
    },
  };
}

export type Sessions = ReturnType<typeof createSessions>;

export function describe(session: SignedIn & { readonly user: User }): PasskeySession {
  const { user, passkeyId, authenticatedAt, userVerified, enforcement } = session;
  return { user, passkeyId, authenticatedAt, userVerified, enforcement };
}

/** When this person last used their passkey here, for nothing in particular: a step-up for one action counts for that alone. */
function lastConfirmed({ authenticatedAt, stepUp }: Pick<SignedIn, 'authenticatedAt' | 'stepUp'>): number {
  return stepUp && stepUp.action === undefined ? Math.max(authenticatedAt, stepUp.at) : authenticatedAt;
}

/** Who the application itself says is there. */
export async function identifiedUser(
  context: RequestContext,
): Promise<(User & { readonly authenticatedAt?: number }) | null> {
  return (await context.config.users.identify?.(context.request.native)) ?? null;
}

/** The account, unless it is gone or blocked. */
export async function activeUser(config: Config, id: string): Promise<User | null> {
  const user = await config.users.find(id);
  return user && (await (config.users.isActive?.(user) ?? true)) ? user : null;
}

async function written(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw refuse('session_failed', { cause });
  }
}

/** A session, and whatever the application adds to the answer. */
export async function beginSignedIn(
  context: RequestContext,
  sessions: Sessions,
  user: User,
  passkey: Passkey,
  knownAs: string | null,
  how: { userVerified: boolean; enforcement: Enforcement },
): Promise<object | undefined> {
  const { config, draft, request } = context;
  const authenticatedAt = config.now();
  await inSpan('latchkey.session.write', () => sessions.begin(context, passkey, knownAs, { ...how, authenticatedAt }));
  const attempt = { id: draft.attemptId, mode: draft.mode, enforcement: how.enforcement };
  const { userVerified } = how;
  return config.onSignIn?.({ user, passkey, authenticatedAt, userVerified, attempt, request: request.native });
}
