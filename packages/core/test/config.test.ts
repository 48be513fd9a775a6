import { describe, expect, test } from 'vitest';
import { ConfigurationError, createPasskeys, memoryStore, type PasskeysOptions } from '../src/index.ts';

const good = {
  rp: { id: 'example.com', name: 'Example', origins: ['https://example.com', 'https://www.example.com:8443'] },
  users: { find: () => undefined },
  store: memoryStore(),
  sweepEvery: false,
} satisfies PasskeysOptions;

const rp = (change: object) => ({ rp: { ...good.rp, ...change } });
const policy = (change: object) => ({ policy: change });

/** A wrong option, the option its error must name, and a word of the advice it must give. */
const WRONG: readonly (readonly [what: string, change: object, names: string, advises: string])[] = [
  ['no relying party', { rp: undefined }, 'rp.id', 'example.com'],
  ['an empty RP ID', rp({ id: '' }), 'rp.id', 'bare domain'],
  ['an RP ID that is a URL', rp({ id: 'https://example.com' }), 'rp.id', 'without scheme'],
  ['an RP ID with a port', rp({ id: 'example.com:443' }), 'rp.id', 'port'],
  ['an RP ID in upper case', rp({ id: 'Example.com' }), 'rp.id', 'lower case'],
  ['an RP ID that is an address', rp({ id: '127.0.0.1' }), 'rp.id', 'domain'],
  ['an RP ID that is a top-level domain', rp({ id: 'com' }), 'rp.id', 'domain'],
  ['no name', rp({ name: '' }), 'rp.name', 'name'],
  ['no origins', rp({ origins: [] }), 'rp.origins', 'https://example.com'],
  ['origins that are not a list', rp({ origins: 'https://example.com' }), 'rp.origins', 'List'],
  ['an origin that is not https', rp({ origins: ['http://example.com'] }), 'rp.origins[0]', 'https'],
  ['an origin with a path', rp({ origins: ['https://example.com/'] }), 'rp.origins[0]', 'slash'],
  [
    'an origin with its default port',
    rp({ origins: ['https://example.com:443'] }),
    'rp.origins[0]',
    'host and port only',
  ],
  ['an origin in upper case', rp({ origins: ['https://EXAMPLE.com'] }), 'rp.origins[0]', 'lower case'],
  [
    'an origin that is not under the RP ID',
    rp({ origins: ['https://example.org'] }),
    'rp.origins[0]',
    'relatedOrigins',
  ],
  [
    'an origin that only ends like the RP ID',
    rp({ origins: ['https://notexample.com'] }),
    'rp.origins[0]',
    'not under',
  ],
  [
    'a related origin that is not https',
    rp({ relatedOrigins: ['http://example.org'] }),
    'rp.relatedOrigins[0]',
    'https',
  ],
  ['an app origin that is a web origin', rp({ appOrigins: ['https://example.com'] }), 'rp.appOrigins[0]', 'rp.origins'],
  ['no way to find users', { users: {} }, 'users.find', 'function'],
  ['no store', { store: undefined }, 'store.challenges', 'memoryStore()'],
  ['half a store', { store: { challenges: memoryStore().challenges } }, 'store.passkeys', 'passkey store'],
  ['an unknown policy', policy({ immediateMediation: 'always' }), 'policy.immediateMediation', "'require'"],
  ['an unknown user verification', policy({ userVerification: true }), 'policy.userVerification', "'required'"],
  ['an unknown use of invitations', policy({ invitations: 'session' }), 'policy.invitations', "'sign_in'"],
  ['an unknown fallback', policy({ fallback: ['immediate'] }), 'policy.fallback', "'modal'"],
  ['nobody able to sign in', policy({ immediateMediation: 'off', fallback: [] }), 'policy.fallback', 'somebody'],
  ['an unknown algorithm', policy({ algorithms: ['ES256', 'RS1'] }), 'policy.algorithms', "'EdDSA'"],
  ['no algorithm', policy({ algorithms: [] }), 'policy.algorithms', 'ES256'],
  ['a challenge life over ten minutes', policy({ challengeTtl: '11m' }), 'policy.challengeTtl', '10 minutes'],
  ['a challenge life of nothing', policy({ challengeTtl: 0 }), 'policy.challengeTtl', '1000 ms'],
  ['a duration nobody can read', policy({ challengeTtl: 'two minutes' }), 'policy.challengeTtl', "'2m'"],
  ['no passkeys', policy({ maxPasskeys: 0 }), 'policy.maxPasskeys', '1 to 64'],
  ['no sessions', { sessions: { max: 0 } }, 'sessions.max', '1 to 1,000'],
  ['sessions without end', { sessions: { max: Number.POSITIVE_INFINITY } }, 'sessions.max', '1 to 1,000'],
  ['an unknown counter rule', policy({ signCount: 'panic' }), 'policy.signCount', "'observe'"],
  ['a short identity key', { audit: { identityKey: 'secret' } }, 'audit.identityKey', '32'],
  ['decoys without a key', { users: { ...good.users, findByName: () => undefined } }, 'audit.identityKey', 'decoys'],
  ['a log line of pseudonyms without a key', { audit: { logLine: 'pseudonyms' } }, 'audit.identityKey', 'logLine'],
  ['an unknown log line', { audit: { logLine: 'none', identityKey: 'k'.repeat(32) } }, 'audit.logLine', "'pseudonyms'"],
  ['a sink that cannot write', { audit: { sinks: [{ name: 'x' }] } }, 'audit.sinks[0]', 'write'],
];

describe('a wrong configuration fails at construction and says what to write', () => {
  test.each(WRONG)('%s', (_what, change, names, advises) => {
    const create = () => createPasskeys({ ...good, ...change } as PasskeysOptions);
    expect(create).toThrow(ConfigurationError);
    expect(create).toThrow(names);
    expect(create).toThrow(advises);
  });

  test('the error never shows a key', () => {
    expect(() => createPasskeys({ ...good, audit: { identityKey: 'hush-hush' } })).not.toThrow(/hush-hush/);
  });
});

test('a right configuration is accepted, on localhost and on the web', () => {
  createPasskeys(good).close();
  createPasskeys({ ...good, rp: { id: 'localhost', name: 'Local', origins: ['http://localhost:3000'] } }).close();
  createPasskeys({
    ...good,
    rp: { ...good.rp, relatedOrigins: ['https://example.org'], appOrigins: ['android:apk-key-hash:abc'] },
  }).close();
});
