/**
 * Tells the application what happened to a person's passkeys, so that it can tell the person. Called by whoever won the
 * store's compare and set, and so once, however many processes and requests there are. It is news, not a question: nothing
 * waits for it and nothing depends on it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Call } from './call.ts';
import type { User } from './config.ts';
import { describePasskey, type PasskeyView } from './passkeys.ts';
import { complain, DEADLINE_MS } from './publish.ts';
import { oneLine } from './record.ts';
import { within } from './reliable-store.ts';
import type { Passkey } from './store.ts';

/** What happened. */
export type News =
  /** The first use of a passkey, to sign in; unless this browser is signed in with it already, from the sign-up that made it. */
  | { readonly kind: 'passkey_added' | 'passkey_removed' | 'passkey_enabled' | 'new_passkey_sign_in' }
  /** `counter`: by `policy.signCount` `disable`, after a regression. */
  | { readonly kind: 'passkey_disabled'; readonly by: 'owner' | 'counter' }
  /** A valid signature with a counter that went backwards. `accepted`: it counted all the same, under `observe`. */
  | { readonly kind: 'counter_regressed'; readonly accepted: boolean };

/** What `notify` is handed. */
export type Notification = News & {
  /** Whose passkey it is. */
  readonly user: User;
  /** The passkey after what happened, as its owner sees it; what was removed, as it was. */
  readonly passkey: Omit<PasskeyView, 'current'>;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The attempt that brought it about, as in its record. */
  readonly attemptId: string;
  /** Where that request came from, as in its record: one line each, and a claim. */
  readonly client: { readonly address: string | null; readonly userAgent: string | null };
};

/** Calls `notify` when this request's own work is done; what goes wrong there is complained about, once, and undoes nothing. */
export function notify({ config, facts, request }: Call, user: User, passkey: Passkey, news: News): void {
  if (!config.notify) return;
  const { attemptId } = facts;
  const { current: _, ...view } = describePasskey(passkey, null);
  const client = {
    address: facts.address && oneLine(facts.address, 64).slice(0, 64),
    userAgent: facts.userAgent && oneLine(facts.userAgent, 256),
  };
  const notification: Notification = { ...news, user, passkey: view, at: config.now(), attemptId, client };
  const told = nextTurn()
    .then(() => within(Promise.resolve(config.notify!(notification)), DEADLINE_MS))
    .catch((thrown) => complain(thrown, attemptId, config, request.logger, `notify failed for ${news.kind}`));
  config.underWay.add(told);
  void told.then(() => config.underWay.delete(told));
}
