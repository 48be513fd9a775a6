/**
 * A missing identity key is said once in a process, where passkeys outlive it: in one sentence, which `latchkey doctor` says too. It is not
 * said in memory, where no passkey is there after a start, nor of what was closed before anybody could sign in.
 */
import type { Logger, PasskeysOptions, Store } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { sqlStore } from '@latchkey/sql';
import { Redis } from 'ioredis';
import { Kysely } from 'kysely';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkIdentityKey } from '../../packages/cli/src/checks/identity-key.ts';
import { recordOf } from '../audit/records.ts';
import { kyselyDialect } from '../stores/support/databases.ts';

const SENTENCE =
  'Set audit.identityKey, the same in every process: without it a passkey has another name in the records after each start.';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  // Core as a process has it that has not warned yet.
  vi.resetModules();
});
afterEach(() => void vi.useRealTimers());

async function start() {
  const core = await import('@latchkey/core');
  const said: [object, string][] = [];
  const logger: Logger = {
    info: () => {},
    warn: (fields, message) => void said.push([fields, message]),
    error: () => {},
  };
  const open = (store: Store, more: Partial<PasskeysOptions> = {}) =>
    core.createPasskeys({
      rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
      users: { find: () => null },
      store,
      logger,
      ...more,
    });
  return { core, said, open };
}

/** Stores that nothing is asked of. */
const STORES = {
  SQLite: () => sqlStore(new Kysely({ dialect: kyselyDialect('sqlite::memory:') })),
  Redis: () => redisStore(new Redis({ lazyConnect: true })),
};

test.each(Object.entries(STORES))('with %s it is said once, a while after the start', async (_, open) => {
  const { said, open: openSite } = await start();
  const closed = openSite(open());
  await closed.close();
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual([]);
  const sites = [openSite(open()), openSite(open())];
  vi.advanceTimersByTime(9_000);
  expect(said).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual([[{ code: 'no_identity_key' }, `latchkey: ${SENTENCE}`]]);
  for (const site of sites) await site.close();
});

test('a logger that is silent has a process warning instead', async () => {
  const { open } = await start();
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const quiet = { info: () => {}, warn: () => {}, error: () => {}, isLevelEnabled: () => false };
  const site = open(STORES.SQLite(), { logger: quiet, audit: { sinks: [{ name: 'x', write: () => {} }] } });
  vi.advanceTimersByTime(60_000);
  expect(warned.mock.calls).toEqual([[SENTENCE, { type: 'LatchkeyRecords', code: 'no_identity_key' }]]);
  warned.mockRestore();
  await site.close();
});

test('it is not said in memory, not where a key is, and not where no timer is wanted until there is a sweep', async () => {
  const { core, said, open } = await start();
  const key = { audit: { identityKey: 'a key for tests, and for tests only' } };
  const memory = core.memoryStore();
  const sites = [open(memory), open({ ...memory }), open(STORES.SQLite(), key)];
  await sites[0]!.sweep();
  const untimed = open(STORES.SQLite(), { sweepEvery: false });
  vi.advanceTimersByTime(60_000);
  expect(said).toEqual([]);
  // The sweep asks a database without tables, and says so.
  vi.useRealTimers();
  await untimed.sweep().catch(() => {});
  expect(said.map(([fields]) => fields)).toEqual([{ code: 'no_identity_key' }]);
  for (const site of [...sites, untimed]) await site.close();
});

test('the doctor says the same', async () => {
  const { core } = await start();
  const { attempts } = core.memoryStore();
  const record = recordOf(0);
  const ref = 'hmac-sha256:ephemeral3f9a2b:abcdefghijklmnopqrstuv';
  await attempts.append({ ...record, credential: { ...record.credential, ref } });
  expect(await checkIdentityKey(attempts)).toMatchObject({ severity: 'warning', todo: SENTENCE });
});
