/**
 * Every call to a store passes here: it gets a span and a deadline, and whatever goes wrong is `store_unavailable`.
 * A store that is down never falls back to memory and never answers "allowed".
 */
import { withTimeout } from '../deadline.ts';
import { refuse } from '../errors.ts';
import { inStep } from '../signals/telemetry.ts';
import type {
  AttemptStore,
  Awaitable,
  ChallengeStore,
  InvitationStore,
  PasskeyStore,
  SessionStore,
  Store,
} from '../store/store.ts';

type Verbs<S> = { [V in keyof S as S[V] extends (...args: never[]) => unknown ? V : never]-?: S[V] };
type Promised<S> = {
  [V in keyof Verbs<S>]: S[V] extends (...args: infer A) => Awaitable<infer R> ? (...args: A) => Promise<R> : never;
};

/** The stores of ceremonies, each verb answering within the deadline or throwing a Refusal. */
export interface ReliableStore {
  readonly challenges: Promised<ChallengeStore>;
  readonly passkeys: Promised<PasskeyStore>;
  /** Null where the application only issues tokens. */
  readonly sessions: Promised<SessionStore> | null;
  /** Null where records are not kept in a store. */
  readonly attempts: Promised<AttemptStore> | null;
  /** Null where nobody can be invited. */
  readonly invitations: Promised<InvitationStore> | null;
  /** Whether `recordUse` can begin a session of `sessions` in the same step. */
  readonly storesSessionsWithUses: boolean;
}

/** Each verb by name. A verb that is missing here does not compile. */
const CHALLENGES: Record<keyof Verbs<ChallengeStore>, true> = { put: true, begin: true, take: true, takeExpired: true };
const PASSKEYS: Record<keyof Verbs<PasskeyStore>, true> = {
  keepHandle: true,
  insert: true,
  find: true,
  listByUser: true,
  recordUse: true,
  update: true,
  remove: true,
  decline: true,
  declinedAt: true,
  forget: true,
};
const SESSIONS: Record<keyof Verbs<SessionStore>, true> = {
  begin: true,
  find: true,
  touch: true,
  end: true,
  listByUser: true,
  forgetExpired: true,
};
const ATTEMPTS: Record<keyof Verbs<AttemptStore>, true> = { append: true, list: true, purge: true, eraseUser: true };
const INVITATIONS: Record<keyof Verbs<InvitationStore>, true> = {
  put: true,
  find: true,
  change: true,
  listByUser: true,
  forget: true,
  forgetExpired: true,
};

/** @param deadlineMs how long a verb may take, in milliseconds. */
export function reliable(store: Store, deadlineMs: number): ReliableStore {
  const guarded = <S extends object>(name: string, target: S, verbs: Record<keyof Verbs<S>, true>) =>
    Object.fromEntries(
      Object.keys(verbs).map((verb) => {
        const step = `latchkey.${name}.${verb}`;
        return [
          verb,
          async (...args: unknown[]) => {
            const call = () => (target as Record<string, (...args: unknown[]) => unknown>)[verb]!(...args);
            return inStep(step, () => answer(call, deadlineMs));
          },
        ];
      }),
    ) as unknown as Promised<S>;
  return {
    challenges: guarded('challenges', store.challenges, CHALLENGES),
    passkeys: guarded('passkeys', store.passkeys, PASSKEYS),
    sessions: store.sessions ? guarded('sessions', store.sessions, SESSIONS) : null,
    attempts: store.attempts ? guarded('attempts', store.attempts, ATTEMPTS) : null,
    invitations: store.invitations ? guarded('invitations', store.invitations, INVITATIONS) : null,
    storesSessionsWithUses: store.sessions !== undefined && store.passkeys.sessions === store.sessions,
  };
}

/** The store's answer: at once, as the one in memory gives it, or within the deadline. */
function answer(call: () => unknown, deadlineMs: number): unknown {
  try {
    const answered = call();
    return answered instanceof Promise ? withTimeout(answered, deadlineMs).catch(unavailable) : answered;
  } catch (cause) {
    return unavailable(cause);
  }
}

function unavailable(cause: unknown): never {
  throw refuse('store_unavailable', { cause });
}
