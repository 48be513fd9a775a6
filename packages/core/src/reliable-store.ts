/**
 * Every call to a store passes here: it gets a span and a deadline, and whatever goes wrong is `store_unavailable`.
 * A store that is down never falls back to memory and never answers "allowed".
 */
import { refuse } from './errors.ts';
import type { Awaitable, ChallengeStore, PasskeyStore, Store } from './store.ts';
import { inSpan } from './telemetry.ts';

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
function answer(call: () => unknown, deadlineMs: number): unknown {
  try {
    const answered = call();
    return answered instanceof Promise ? within(answered, deadlineMs).catch(unavailable) : answered;
  } catch (cause) {
    return unavailable(cause);
  }
}

function unavailable(cause: unknown): never {
  throw refuse('store_unavailable', { cause });
}

/** The promise's value, or a rejection after `ms`. The late answer is ignored. */
export function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
    const settle =
      <V>(how: (value: V) => void) =>
      (value: V) => {
        clearTimeout(timer);
        how(value);
      };
    promise.then(settle(resolve), settle(reject));
  });
}
