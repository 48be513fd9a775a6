/**
 * The options of `createPasskeys`, checked once, at construction. A wrong one throws with its name, what it got and
 * what to write instead; nothing is guessed from a request later on.
 */

import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import { milliseconds } from '../duration.ts';
import { ConfigurationError } from '../errors.ts';
import {
  LIMITS,
  type PasskeysOptions,
  type PolicyOptions,
  type RateLimitOptions,
  type RelyingParty,
} from '../options.ts';
import { attemptStoreSink } from './attempt-store-sink.ts';
import { checkPolicy } from './check-policy.ts';
import { checkRelyingParty } from './check-relying-party.ts';
import type { AppConfig, Config, ConfigOf } from './config.ts';
import { between, demand, oneOf } from './demand.ts';

/** Checks everything that can be checked before the first request. Throws {@link ConfigurationError}. */
export function checkOptions(options: PasskeysOptions): { shared: AppConfig; configOf: ConfigOf } {
  const shared = checkShared(options);
  const { rp, policy = {} } = options;
  if (typeof rp !== 'function' && typeof policy !== 'function') {
    const config: Config = { ...shared, ...checkRelyingParty(rp), policy: checkPolicy(policy, shared) };
    return { shared, configOf: () => config };
  }
  // Checked once for each pair of objects the application hands out, however often it does.
  const known = new WeakMap<RelyingParty, WeakMap<PolicyOptions, Config>>();
  const configOf: ConfigOf = (request) => {
    const party = typeof rp === 'function' ? rp(request) : rp;
    if (!party) return null;
    const rules = typeof policy === 'function' ? policy(request) : policy;
    const found = known.get(party)?.get(rules);
    if (found) return found;
    const config: Config = { ...shared, ...checkRelyingParty(party), policy: checkPolicy(rules, shared) };
    known.set(party, (known.get(party) ?? new WeakMap()).set(rules, config));
    return config;
  };
  return { shared, configOf };
}

function checkShared(options: PasskeysOptions): AppConfig {
  const { users, store, audit = {} } = options;
  demand(
    typeof users?.find === 'function',
    'users.find',
    users?.find,
    'Write a function that finds an account by its id.',
  );
  demand(
    typeof store?.challenges?.take === 'function',
    'store.challenges',
    store?.challenges,
    'Hand in a challenge store, or a whole store such as memoryStore().',
  );
  demand(
    typeof store.passkeys?.insert === 'function',
    'store.passkeys',
    store.passkeys,
    'Hand in a passkey store, or a whole store such as memoryStore().',
  );
  demand(
    options.notify === undefined || typeof options.notify === 'function',
    'notify',
    options.notify,
    'Write a function that is handed a notification, or leave it out.',
  );
  for (const [index, sink] of (audit.sinks ?? []).entries()) {
    demand(
      typeof sink?.name === 'string' && typeof sink.write === 'function',
      `audit.sinks[${index}]`,
      sink,
      'Write { name, write(record) }.',
    );
  }
  const storeTimeoutMs = milliseconds('storeTimeout', options.storeTimeout ?? '5s');
  return {
    users,
    store,
    sinks: [...(audit.sinks ?? []), ...(store.attempts ? [attemptStoreSink(store.attempts, storeTimeoutMs)] : [])],
    underWay: new Set(),
    identityKey: checkIdentityKey(audit.identityKey, users.findByName !== undefined),
    logger: options.logger,
    onSignIn: options.onSignIn,
    notify: options.notify,
    passkeyEndpoints: options.passkeyEndpoints ?? {},
    rateLimit: checkRateLimit(options.rateLimit ?? {}),
    storeTimeoutMs,
    sweepEveryMs:
      options.sweepEvery === false ? false : between('sweepEvery', options.sweepEvery ?? '30s', 100, 86_400_000),
    revalidateAfterMs: milliseconds('revalidateAfter', options.revalidateAfter ?? '60s'),
    now: options.clock ?? Date.now,
  };
}

function checkRateLimit(rateLimit: RateLimitOptions | false): RateLimitOptions | false {
  if (rateLimit === false) return false;
  for (const [name, rule] of Object.entries(rateLimit.limits ?? {})) {
    oneOf('rateLimit.limits', name, Object.keys(LIMITS));
    const { points, seconds } = rule;
    const sensible = Number.isInteger(points) && points > 0 && Number.isFinite(seconds) && seconds > 0;
    demand(
      sensible,
      `rateLimit.limits.${name}`,
      rule,
      'Write { points, seconds }: how many requests in how many seconds.',
    );
  }
  return rateLimit;
}

function checkIdentityKey(given: string | Uint8Array | undefined, needed: boolean): Config['identityKey'] {
  demand(
    given !== undefined || !needed,
    'audit.identityKey',
    given,
    'users.findByName needs it, for decoys that are the same on every node: hand in at least 32 random characters from your secret store.',
  );
  // Without one, pseudonyms hold for the life of this process only, and their key id says so.
  if (given === undefined) return { id: 'ephemeral', key: createSecretKey(randomBytes(32)) };
  const key = typeof given === 'string' ? Buffer.from(given) : given;
  demand(key.length >= 32, 'audit.identityKey', `${key.length} bytes`, 'Hand in at least 32.');
  // The id tells keys apart without telling anything of them.
  return {
    id: createHash('sha256').update('latchkey key id').update(key).digest('hex').slice(0, 8),
    key: createSecretKey(key),
  };
}
