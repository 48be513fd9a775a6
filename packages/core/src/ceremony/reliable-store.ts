/**
 * Every call to a store passes here: it gets a span and a deadline, and whatever goes wrong is `store_unavailable`.
 * A store that is down never falls back to memory and never answers "allowed".
 */

import { withTimeout } from '../deadline.ts';
import { refuse } from '../errors.ts';
import { inSpan } from '../signals/telemetry.ts';
import type { Awaitable, ChallengeStore, PasskeyStore, Store } from '../store/store.ts';

type Promised<S> = {
  [V in keyof S]: S[V] extends (...args: infer A) => Awaitable<infer R> ? (...args: A) => Promise<R> : never;
};

/** The two stores of ceremonies, each verb answering within `deadlineMs` or throwing a Refusal. */
export interface ReliableStore {
  readonly challenges: Promised<ChallengeStore>;
  readonly passkeys: Promised<PasskeyStore>;
}

export function reliable(store: Store, deadlineMs: number): ReliableStore {
  const guard = <S extends object>(name: string, target: S, verbs: readonly (keyof S & string)[]) =>
    Object.fromEntries(
      verbs.map((verb) => {
        const span = `latchkey.${name}.${verb}`;
        return [
          verb,
          async (...args: unknown[]) => {
            const call = () => (target[verb] as (...args: unknown[]) => unknown)(...args);
            return inSpan(span, () => answer(call, deadlineMs));
          },
        ];
      }),
    ) as unknown as Promised<S>;
  return {
    challenges: guard('challenges', store.challenges, ['put', 'begin', 'take', 'takeExpired']),
    passkeys: guard('passkeys', store.passkeys, [
      'keepHandle',
      'insert',
      'find',
      'listByUser',
      'recordUse',
      'update',
      'remove',
    ]),
  };
}

/** What the store answers: at once, as the one in memory does, or within the deadline. */
export function answer(call: () => unknown, deadlineMs: number): unknown {
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
