/**
 * Tells the application what happened to a person's passkeys, so that it can tell the person. Called by the request whose
 * compare and set in the store succeeded, and so once, however many processes and requests there are. Nothing waits for it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { withTimeout } from '../deadline.ts';
import type { PasskeyNotice, PasskeyNotification, User } from '../options.ts';
import { oneLine } from '../record/one-line.ts';
import { DEADLINE_MS } from '../signals/publish.ts';
import type { Passkey } from '../store/store.ts';
import type { RequestContext } from './context.ts';
import { describePasskey } from './passkeys.ts';

/** Calls `notify` when this request's own work is done. What it throws is logged, and undoes nothing. */
export function notify(
  { config, draft, reporter }: RequestContext,
  user: User,
  passkey: Passkey,
  notice: PasskeyNotice,
): void {
  if (!config.notify) return;
  const { attemptId } = draft;
  const { current: _, nickname, ...view } = describePasskey(passkey, null);
  const client = {
    address: draft.address && oneLine(draft.address, 64).slice(0, 64),
    userAgent: draft.userAgent && oneLine(draft.userAgent, 256),
  };
  const notification: PasskeyNotification = {
    ...notice,
    user,
    // Owners name their passkeys, and mails put names into their heads: one line, and no marks that turn text around.
    passkey: { ...view, nickname: oneLine(nickname, 100) },
    at: config.now(),
    attemptId,
    client,
  };
  const told = nextTurn()
    .then(() => withTimeout(Promise.resolve(config.notify!(notification)), DEADLINE_MS))
    .catch((thrown) => reporter.error(thrown, { attemptId, what: `notify failed for ${notice.kind}` }));
  reporter.track(told);
}
