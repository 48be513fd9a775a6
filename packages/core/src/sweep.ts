/** The abandoned sweep: a ceremony that nobody answered in time ends here, in exactly one record. Expired sessions are forgotten. */
import { inBatches } from './batches.ts';
import { adoptCeremony, parse } from './ceremony/ceremony.ts';
import type { ReliableStore } from './ceremony/reliable-store.ts';
import type { AppConfig } from './config/config.ts';
import { withTimeout } from './deadline.ts';
import type { Limits } from './http/limits.ts';
import { conclude } from './record/conclude.ts';
import { EVENT_OF, newDraft } from './record/draft.ts';
import type { Publisher } from './signals/publish.ts';
import { countChallenge, countSessions } from './signals/telemetry.ts';
import type { PendingCeremony } from './store/store.ts';

/** How many are taken at once: few enough not to hold up a request. */
const BATCH = 100;

/** What a sweep needs. */
export interface Sweeping {
  readonly config: AppConfig;
  readonly store: ReliableStore;
  readonly limits: Limits;
  readonly publisher: Publisher;
}

/** Records every ceremony that has expired, and resolves to how many there were. Throws when the store does not answer. */
export async function sweep(sweeping: Sweeping): Promise<number> {
  const { config, store, limits, publisher } = sweeping;
  const reporter = publisher.reporter();
  for (const record of limits.release(config.now())) reporter.record(record, { aside: true });
  const swept = await inBatches(BATCH, async (limit) => {
    const expired = await store.challenges.takeExpired({ now: config.now(), limit });
    for (const pending of expired) await abandon(sweeping, pending);
    return expired.length;
  });
  if (store.sessions) {
    const { sessions } = store;
    countSessions('expired', await inBatches(BATCH, (limit) => sessions.forgetExpired({ now: config.now(), limit })));
  }
  return swept;
}

async function abandon({ config, publisher }: Sweeping, pending: PendingCeremony): Promise<void> {
  if (pending.purpose === 'sign_in') countChallenge(pending.begun ? 'expired' : 'unused');
  // A page prepared it, or autofill waited, and nobody acted: that is no attempt.
  if (!pending.begun) return;
  const ceremony = parse(pending);
  const isGone = pending.userId !== null && (await isForgotten(config, pending.userId));
  const draft = newDraft(EVENT_OF[pending.purpose], ceremony.issuedAt);
  adoptCeremony(draft, pending.attemptId, ceremony);
  draft.stage = 'expired';
  draft.challengeStatus = 'expired';
  // Who was forgotten meanwhile is named by no record that comes later.
  if (!isGone) {
    draft.userId = pending.userId;
    draft.address = ceremony.address;
    draft.userAgent = ceremony.userAgent;
  }
  const record = conclude(
    draft,
    { outcome: 'abandoned', reason: 'no_response', source: 'timeout' },
    {
      now: config.now(),
      receivedAt: null,
      http: null,
      rpId: ceremony.rpId,
      framework: 'none',
      identityKey: config.identityKey,
      span: null,
    },
  );
  const reporter = publisher.reporter();
  const { asked, failure } = await publisher.writeRequired(record);
  if (failure) reporter.error(failure.cause, { attemptId: pending.attemptId });
  reporter.record(record, { asked });
}

/** Whether the application has no such account any more. One that does not answer has not said so. */
async function isForgotten({ accounts, storeTimeoutMs }: AppConfig, userId: string): Promise<boolean> {
  return withTimeout(accounts.find(userId), storeTimeoutMs).then(
    (user) => user === null,
    () => false,
  );
}

/** Sweeps again and again, one round at a time, without keeping the process alive. Returns how to stop. */
export function keepSweeping(sweeping: Sweeping): () => void {
  const { config, publisher } = sweeping;
  if (config.sweepEveryMs === false) return () => {};
  let busy = false;
  const timer = setInterval(async () => {
    if (busy) return;
    busy = true;
    try {
      await sweep(sweeping);
    } catch (thrown) {
      publisher.reporter().error(thrown instanceof Error ? (thrown.cause ?? thrown) : thrown);
    } finally {
      busy = false;
    }
  }, config.sweepEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
