/** Attempt records without a server, for what only cares that they are records. Each is valid. */
import type { AttemptRecord } from '@latchkey/core';

/** The n-th record; its ids say which. `userAgent` makes lines as long as wanted. */
export function recordOf(n: number, userAgent = 'a browser', process = 0): AttemptRecord {
  const number = n.toString(16).padStart(12, '0');
  const time = new Date(1_800_000_000_000 + n).toISOString();
  return {
    schema: 'latchkey.signin.attempt/1',
    event: {
      id: `01900000-000${process}-7000-8000-${number}`,
      name: 'latchkey.signin.attempt',
      time,
      severity: 'INFO',
    },
    attempt: {
      id: `01900000-000${process}-7000-9000-${number}`,
      entry: 'options',
      mode: 'immediate',
      stage: 'session',
      startedAt: time,
      ceremonyMs: 0,
      processingMs: 3,
    },
    outcome: 'success',
    reason: null,
    reasonSource: null,
    immediate: {
      policy: 'prefer',
      requested: true,
      requestConformant: true,
      clientReport: 'used',
      evidence: 'client_report',
      enforcement: 'enforced',
      unmet: [],
    },
    assertion: {
      evaluated: true,
      signature: 'valid',
      userPresent: true,
      userVerified: true,
      userVerificationPolicy: 'required',
      backupEligible: true,
      backedUp: true,
      backupEligibleChanged: false,
      signCount: 'zero',
      crossOrigin: false,
    },
    challenge: { status: 'fresh', ageMs: 0, ttlMs: 120_000 },
    policy: { decision: 'allow', requirements: [], failedRule: null, wouldDeny: null },
    credential: {
      ref: null,
      aaguid: null,
      attachmentReported: 'platform',
      discoverableReported: null,
      attestationFormat: null,
    },
    user: { known: true, id: `user ${n}`, hash: null, created: false },
    session: { id: `01900000-000${process}-7000-a000-${number}`, endedBy: null, endedBecause: null },
    change: { by: null, note: null },
    client: { address: '192.0.2.7', userAgent, immediateGet: true },
    rp: { id: 'example.com', origin: 'https://example.com' },
    http: { method: 'POST', route: '/authentication/verify', status: 200 },
    library: { name: '@latchkey/core', version: '0.0.0', framework: 'express' },
    trace: { traceId: null, spanId: null, sampled: null, optionsTraceId: null, optionsSpanId: null },
    message: 'Sign-in succeeded; immediate mediation enforced',
  };
}

export const records = (count: number) => Array.from({ length: count }, (_, n) => recordOf(n));

export const ids = (of: readonly AttemptRecord[]) => of.map(({ event }) => event.id);
