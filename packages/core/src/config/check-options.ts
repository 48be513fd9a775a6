/**
 * The options of `createPasskeys`, checked once, at construction. A wrong one throws with its name, what it got and
 * what to write instead; nothing is guessed from a request later on.
 */

import { createSecretKey, randomBytes } from 'node:crypto';
import { milliseconds } from '../duration.ts';
import { ConfigurationError } from '../errors.ts';
import {
  LIMITS,
  type PasskeysOptions,
  type PolicyOptions,
  type RateLimitOptions,
  type RelyingParty,
  type Sink,
} from '../options.ts';
import { EPHEMERAL, type IdentityKey, identityKeyOf } from '../record/pseudonym.ts';
import type { Store } from '../store/store.ts';
import { checkedAccounts } from './accounts.ts';
import { checkPolicy } from './check-policy.ts';
import { checkRelyingParty } from './check-relying-party.ts';
import { checkSessions, sessionCookieOf } from './check-sessions.ts';
import type { AppConfig, Config, ConfigOf } from './config.ts';
import { between, demand, oneOf } from './demand.ts';

/** Checks everything that can be checked before the first request. Throws {@link ConfigurationError}. */
export function checkOptions(options: PasskeysOptions): { shared: AppConfig; configOf: ConfigOf } {
  const shared = checkShared(options);
  const { rp, policy = {} } = options;
  const configFor = (party: RelyingParty, rules: PolicyOptions): Config => {
    const tenant = checkRelyingParty(party);
    const hosts = [...tenant.webOrigins].map((origin) => new URL(origin).hostname);
    const sessionCookie = sessionCookieOf(shared.sessions, { localhost: tenant.localhost, hosts });
    return { ...shared, ...tenant, policy: checkPolicy(rules, shared), sessionCookie };
  };
  if (typeof rp !== 'function' && typeof policy !== 'function') {
    const config = configFor(rp, policy);
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
    const config = configFor(party, rules);
    known.set(party, (known.get(party) ?? new WeakMap()).set(rules, config));
    return config;
  };
  return { shared, configOf };
}

function checkShared(options: PasskeysOptions): AppConfig {
  const { users, store, audit = {}, sessions = {} } = options;
  const isFunction = (option: string, value: unknown, instead: string) =>
    demand(value === undefined || typeof value === 'function', option, value, instead);
  demand(
    typeof users?.find === 'function',
    'users.find',
    users?.find,
    'Write a function that finds an account by its id.',
  );
  const whole = 'or a whole store such as memoryStore().';
  demand(
    typeof store?.challenges?.take === 'function',
    'store.challenges',
    store?.challenges,
    `Hand in a challenge store, ${whole}`,
  );
  demand(
    typeof store.passkeys?.insert === 'function',
    'store.passkeys',
    store.passkeys,
    `Hand in a passkey store, ${whole}`,
  );
  demand(
    sessions === false || typeof store.sessions?.begin === 'function',
    'store.sessions',
    store.sessions,
    `Hand in a session store, ${whole} Or write sessions: false, where the application only issues tokens.`,
  );
  demand(
    sessions !== false || typeof options.onSignIn === 'function',
    'onSignIn',
    options.onSignIn,
    'With sessions: false somebody must issue a token: write a function that returns it, or leave sessions out.',
  );
  isFunction('notify', options.notify, 'Write a function that is handed a notification, or leave it out.');
  isFunction('onSignIn', options.onSignIn, 'Write a function that is handed the sign-in, or leave it out.');
  isFunction(
    'onSignOut',
    options.onSignOut,
    'Write a function that is handed the session that ended, or leave it out.',
  );
  for (const [index, sink] of (audit.sinks ?? []).entries()) {
    demand(
      typeof sink?.name === 'string' && typeof sink.write === 'function',
      `audit.sinks[${index}]`,
      sink,
      'Write { name, write(record) }.',
    );
  }
  const identityKey = checkIdentityKey(audit.identityKey, users.findByName !== undefined);
  return {
    accounts: checkedAccounts(users),
    store,
    sessions: checkSessions(sessions),
    sinks: [...(audit.sinks ?? []), ...attemptStoreSink(store)],
    identityKey,
    logLine: checkLogLine(audit.logLine ?? 'whole', identityKey),
    logger: options.logger,
    onSignIn: options.onSignIn,
    onSignOut: options.onSignOut,
    notify: options.notify,
    passkeyEndpoints: options.passkeyEndpoints ?? {},
    rateLimit: checkRateLimit(options.rateLimit ?? {}),
    storeTimeoutMs: milliseconds('storeTimeout', options.storeTimeout ?? '5s'),
    sweepEveryMs:
      options.sweepEvery === false ? false : between('sweepEvery', options.sweepEvery ?? '30s', 100, 86_400_000),
    now: options.clock ?? Date.now,
  };
}

/** The store's own attempts are a sink like any other. */
function attemptStoreSink({ attempts }: Store): readonly Sink[] {
  return attempts === undefined ? [] : [{ name: 'attempt_store', write: (record) => attempts.append(record) }];
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

function checkIdentityKey(given: string | Uint8Array | undefined, needed: boolean): IdentityKey {
  demand(
    given !== undefined || !needed,
    'audit.identityKey',
    given,
    'users.findByName needs it, for decoys that are the same on every node: hand in at least 32 random characters from your secret store.',
  );
  if (given === undefined) return ephemeralIdentityKey();
  const { length } = typeof given === 'string' ? Buffer.from(given) : given;
  demand(length >= 32, 'audit.identityKey', `${length} bytes`, 'Hand in at least 32.');
  return identityKeyOf(given);
}

function checkLogLine(given: 'whole' | 'pseudonyms', identityKey: IdentityKey): AppConfig['logLine'] {
  const logLine = oneOf('audit.logLine', given, ['whole', 'pseudonyms']);
  demand(
    logLine === 'whole' || !identityKey.isEphemeral,
    'audit.identityKey',
    undefined,
    "audit.logLine: 'pseudonyms' needs it, so that somebody can tell who a line is about: hand in at least 32 random characters from your secret store.",
  );
  return logLine;
}

/**
 * Pseudonyms hold for the life of this process only, and their key id says so: another in each process. Drawn when it is first
 * used: on Workers nothing may be drawn at random before the first request.
 */
function ephemeralIdentityKey(): IdentityKey {
  let drawn: Pick<IdentityKey, 'id' | 'key'> | undefined;
  const draw = () => {
    drawn ??= { id: `${EPHEMERAL}${randomBytes(3).toString('hex')}`, key: createSecretKey(randomBytes(32)) };
    return drawn;
  };
  return {
    isEphemeral: true,
    get id() {
      return draw().id;
    },
    get key() {
      return draw().key;
    },
  };
}
