/** The abandoned sweep: a ceremony that nobody answered in time ends here, in exactly one record. */
import { setTimeout as wait } from 'node:timers/promises';
import { parse, recall } from './ceremony.ts';
import type { Shared } from './config.ts';
import { refuse } from './errors.ts';
import type { Limits } from './limits.ts';
import { announce, complain, secure } from './publish.ts';
import { conclude, EVENT_OF, newFacts } from './record.ts';
import type { ReliableStore } from './reliable-store.ts';
import type { PendingCeremony } from './store.ts';
import { countChallenge } from './telemetry.ts';

/** How many are taken at once: few enough not to hold up a request. */
const BATCH = 100;

/** Records every ceremony that has expired, and resolves to how many there were. Throws when the store does not answer. */
export async function sweep(config: Shared, store: ReliableStore, limits: Limits): Promise<number> {
  for (const record of limits.release(config.now())) announce(record, config, undefined, { aside: true });
  let swept = 0;
  for (;;) {
    const begun = performance.now();
    const expired = await store.challenges.takeExpired(config.now(), BATCH);
    for (const pending of expired) await abandon(config, pending);
    swept += expired.length;
    if (expired.length < BATCH) return swept;
    // As long as it took: a database that writes so much keeps everyone waiting for its disk.
    await wait(performance.now() - begun);
  }
}

async function abandon(config: Shared, pending: PendingCeremony): Promise<void> {
  if (pending.purpose === 'sign_in') countChallenge(pending.begun ? 'expired' : 'unused');
  // A page prepared it, or autofill waited, and nobody acted: that is no attempt.
  if (!pending.begun) return;
  const ceremony = parse(pending);
  const now = config.now();
  const facts = newFacts(EVENT_OF[pending.purpose], ceremony.issuedAt);
  recall(facts, pending.attemptId, ceremony);
  facts.stage = 'expired';
  facts.challengeStatus = 'expired';
  facts.userId = pending.userId;
  facts.address = ceremony.address;
  facts.userAgent = ceremony.userAgent;
  const record = conclude(
    facts,
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
  const { kept, asked } = await secure(record, config);
  if (!kept) complain(refuse('audit_unavailable'), pending.attemptId, config);
  announce(record, config, undefined, { asked });
}

/** Sweeps again and again, one round at a time, without keeping the process alive. Returns how to stop. */
export function keepSweeping(config: Shared, store: ReliableStore, limits: Limits): () => void {
  if (config.sweepEveryMs === false) return () => {};
  let busy = false;
  const timer = setInterval(async () => {
    if (busy) return;
    busy = true;
    try {
      await sweep(config, store, limits);
    } catch (thrown) {
      complain(thrown instanceof Error ? (thrown.cause ?? thrown) : thrown, null, config);
    } finally {
      busy = false;
    }
  }, config.sweepEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
