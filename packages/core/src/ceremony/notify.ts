/**
 * Tells the application what happened to a person's passkeys, so that it can tell the person. Called by whoever won the
 * store's compare and set, and so once, however many processes and requests there are. It is news, not a question: nothing
 * waits for it and nothing depends on it.
 */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { withTimeout } from '../deadline.ts';
import type { PasskeyNotice, PasskeyNotification, User } from '../options.ts';
import { oneLine } from '../record/one-line.ts';
import { DEADLINE_MS, logError } from '../signals/publish.ts';
import type { Passkey } from '../store/store.ts';
import type { RequestContext } from './context.ts';
import { describePasskey } from './passkeys.ts';

/** Calls `notify` when this request's own work is done; what goes wrong there is complained about, once, and undoes nothing. */
export function notify(
  { config, draft, request }: RequestContext,
  user: User,
  passkey: Passkey,
  news: PasskeyNotice,
): void {
  if (!config.notify) return;
  const { attemptId } = draft;
  const { current: _, ...view } = describePasskey(passkey, null);
  const client = {
    address: draft.address && oneLine(draft.address, 64).slice(0, 64),
    userAgent: draft.userAgent && oneLine(draft.userAgent, 256),
  };
  const notification: PasskeyNotification = { ...news, user, passkey: view, at: config.now(), attemptId, client };
  const told = nextTurn()
    .then(() => withTimeout(Promise.resolve(config.notify!(notification)), DEADLINE_MS))
    .catch((thrown) => logError(thrown, attemptId, config, request.logger, `notify failed for ${news.kind}`));
  config.underWay.add(told);
  void told.then(() => config.underWay.delete(told));
}
