/** The abandoned sweep: a ceremony that nobody answered in time ends here, in exactly one record. */

import { setTimeout as wait } from 'node:timers/promises';
import { adoptCeremony, parse } from './ceremony/ceremony.ts';
import type { ReliableStore } from './ceremony/reliable-store.ts';
import type { AppConfig } from './config/config.ts';
import { refuse } from './errors.ts';
import type { Limits } from './http/limits.ts';
import { conclude } from './record/conclude.ts';
import { EVENT_OF, newDraft } from './record/draft.ts';
import { logError, publishRecord, writeRequiredSinks } from './signals/publish.ts';
import { countChallenge } from './signals/telemetry.ts';
import type { PendingCeremony } from './store/store.ts';

/** How many are taken at once: few enough not to hold up a request. */
const BATCH = 100;

/** Records every ceremony that has expired, and resolves to how many there were. Throws when the store does not answer. */
export async function sweep(config: AppConfig, store: ReliableStore, limits: Limits): Promise<number> {
  for (const record of limits.release(config.now())) publishRecord(record, config, undefined, { aside: true });
  let swept = 0;
  for (;;) {
    const begun = performance.now();
    const expired = await store.challenges.takeExpired({ now: config.now(), limit: BATCH });
    for (const pending of expired) await abandon(config, pending);
    swept += expired.length;
    if (expired.length < BATCH) return swept;
    // As long as it took: a database that writes so much keeps everyone waiting for its disk.
    await wait(performance.now() - begun);
  }
}

async function abandon(config: AppConfig, pending: PendingCeremony): Promise<void> {
  if (pending.purpose === 'sign_in') countChallenge(pending.begun ? 'expired' : 'unused');
  // A page prepared it, or autofill waited, and nobody acted: that is no attempt.
  if (!pending.begun) return;
  const ceremony = parse(pending);
  const now = config.now();
  const draft = newDraft(EVENT_OF[pending.purpose], ceremony.issuedAt);
  adoptCeremony(draft, pending.attemptId, ceremony);
  draft.stage = 'expired';
  draft.challengeStatus = 'expired';
  draft.userId = pending.userId;
  draft.address = ceremony.address;
  draft.userAgent = ceremony.userAgent;
  const record = conclude(
    draft,
    { outcome: 'abandoned', reason: 'no_response', source: 'timeout' },
    {
      now,
      receivedAt: null,
      http: null,
      rpId: ceremony.rpId,
      framework: 'none',
      identityKey: config.identityKey,
      span: null,
    },
  );
  const { kept, asked } = await writeRequiredSinks(record, config);
  if (!kept) logError(refuse('audit_unavailable'), pending.attemptId, config);
  publishRecord(record, config, undefined, { asked });
}

/** Sweeps again and again, one round at a time, without keeping the process alive. Returns how to stop. */
export function keepSweeping(config: AppConfig, store: ReliableStore, limits: Limits): () => void {
  if (config.sweepEveryMs === false) return () => {};
  let busy = false;
  const timer = setInterval(async () => {
    if (busy) return;
    busy = true;
    try {
      await sweep(config, store, limits);
    } catch (thrown) {
      logError(thrown instanceof Error ? (thrown.cause ?? thrown) : thrown, null, config);
    } finally {
      busy = false;
    }
  }, config.sweepEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
