/**
 * Identity keys on the command line, in a store of each kind and in a log whose lines carry pseudonyms: after a change of the key
 * every record is told as before by those who give both, and whoever gives one hears what is missing, by the ids of the keys.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, pseudonymizer, type Store } from '@latchkey/core';
import { createSoftwarePasskey, type SoftwarePasskey, USED } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { define as attempts } from '../../packages/cli/src/commands/attempts.ts';
import { define as doctor } from '../../packages/cli/src/commands/doctor.ts';
import { define as erase } from '../../packages/cli/src/commands/erase.ts';
import { define as migrate } from '../../packages/cli/src/commands/migrate.ts';
import { define as passkeys } from '../../packages/cli/src/commands/passkeys.ts';
import { define as readiness } from '../../packages/cli/src/commands/readiness.ts';
import { ORIGIN, openDirect } from '../security/direct.ts';
import { runIn } from './in-process.ts';
import { folder } from './latchkey.ts';
import { KINDS, place } from './stores.ts';

const EARLIER = 'the key of last year, and for tests only';
const CURRENT = 'the key of this year, and for tests only';
const [earlierId, currentId] = [EARLIER, CURRENT].map((key) => pseudonymizer(key).keyId) as [string, string];
const BOTH = { LATCHKEY_IDENTITY_KEY: CURRENT, LATCHKEY_EARLIER_IDENTITY_KEYS: `${EARLIER}\n` };
const ONE = { LATCHKEY_IDENTITY_KEY: CURRENT };
const MISSING = new RegExp(
  `\\d records? made with the identity key ${earlierId}; LATCHKEY_IDENTITY_KEY is the key ${currentId}\\.`,
);

/**
 * Two people register and sign in under the earlier key, and sign in again under the current one: three records and one for each.
 * The log has pseudonyms.
 */
async function rotated(store: Store) {
  const lines: string[] = [];
  const line = (fields: object) => void lines.push(`${JSON.stringify(fields)}\n`);
  const logger: Logger = { info: line, warn: line, error: line };
  const sites = [EARLIER, CURRENT].map((identityKey) =>
    openDirect({ store, logger, audit: { identityKey, logLine: 'pseudonyms' } }),
  );
  const people: { readonly id: string; readonly passkey: SoftwarePasskey }[] = [];
  for (const name of ['ada', 'eve']) {
    const [before] = sites;
    const passkey = createSoftwarePasskey({ origin: ORIGIN });
    const browser = before!.browser();
    const { json } = await browser.send('POST', '/registration/options', { username: name });
    const credential = passkey.register(json.publicKey);
    await browser.send('POST', '/registration/verify', { attemptId: json.attemptId, credential });
    const user = [...before!.users.values()].find((one) => one.name === name)!;
    for (const site of sites) site.users.set(user.id, user);
    people.push({ id: user.id, passkey });
  }
  for (const site of sites) {
    for (const { passkey } of people) {
      const browser = site.browser();
      const { json } = await browser.send('POST', '/authentication/options', { mode: 'immediate' });
      const credential = passkey.authenticate(json.publicKey);
      const body = { attemptId: json.attemptId, credential, client: USED };
      expect((await browser.send('POST', '/authentication/verify', body)).status).toBe(200);
    }
    await site.passkeys.close();
    expect(site.faults).toEqual([]);
  }
  const log = join(folder(), 'sign-ins.log');
  writeFileSync(log, lines.join(''));
  return { id: people[0]!.id, text: lines.join(''), log, records: sites.flatMap(({ records }) => records) };
}

const recordsIn = (stdout: string) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

async function opened(kind: (typeof KINDS)[number]) {
  const { at, store } = place(kind);
  if (kind !== 'Redis') await runIn(migrate, at);
  return { at, ...(await rotated(store)) };
}

test.each(KINDS)('a record of an earlier key is told as one of the current key, in %s', async (kind) => {
  const { at, id } = await opened(kind);
  const shown = JSON.parse((await runIn(passkeys, ['--user', id, ...at, '--json'], BOTH)).stdout).passkeys[0];
  expect(shown.ref).toContain(`:${currentId}:`);
  expect(shown.earlierRefs).toEqual([expect.stringContaining(`:${earlierId}:`)]);
  expect((await runIn(passkeys, ['--user', id, ...at], BOTH)).stdout).toContain(shown.earlierRefs[0]);

  const list = ['list', ...at, '--passkey', shown.id, '--json'];
  const all = await runIn(attempts, list, BOTH);
  expect(all.stderr).toBe('');
  expect(recordsIn(all.stdout).map(({ credential }) => credential.ref)).toEqual([
    shown.ref,
    ...Array(3).fill(shown.earlierRefs[0]),
  ]);
  const half = await runIn(attempts, list, ONE);
  expect(recordsIn(half.stdout)).toHaveLength(1);
  expect(half.stderr).toMatch(MISSING);
  const named = await runIn(attempts, ['list', ...at, '--user', id], BOTH);
  expect(named.stdout.match(/ passkey [\w-]{8} “/g)).toHaveLength(4);

  const ready = async (env: Record<string, string>) =>
    JSON.parse((await runIn(readiness, [...at, '--json'], env)).stdout);
  expect(await ready(BOTH)).toMatchObject({
    recordsNotTold: 0,
    users: { met: 2 },
    identityKeys: { given: currentId, earlier: [earlierId], inRecords: { [currentId]: 2, [earlierId]: 2 } },
  });
  expect(await ready(ONE)).toMatchObject({ recordsNotTold: 2, identityKeys: { earlier: [] } });
  expect((await runIn(readiness, at, ONE)).stdout).toMatch(MISSING);

  const judged = async (env: Record<string, string>) =>
    JSON.parse((await runIn(doctor, [...at, '--json'], env)).stdout).findings.find(
      ({ check }: { check: string }) => check === 'identity_key',
    );
  expect(await judged(BOTH)).toMatchObject({ severity: 'ok', saw: expect.stringContaining(earlierId) });
  expect(await judged(ONE)).toMatchObject({
    severity: 'warning',
    saw: expect.stringMatching(`${currentId}, ${earlierId}`),
    todo: expect.stringContaining('LATCHKEY_EARLIER_IDENTITY_KEYS'),
  });
  // A key that is current only in the environment: the application writes with another.
  const exchanged = { LATCHKEY_IDENTITY_KEY: EARLIER, LATCHKEY_EARLIER_IDENTITY_KEYS: CURRENT };
  expect(await judged(exchanged)).toMatchObject({
    severity: 'warning',
    saw: `The newest records were made with the identity key ${currentId}, and LATCHKEY_IDENTITY_KEY is the key ${earlierId}`,
  });
});

test.each(['SQLite', 'Redis'] as const)('a person is found in a log of pseudonyms, with %s beside it', async (kind) => {
  const { at, id, text, log, records } = await opened(kind);
  expect(text).not.toContain(id);
  const wanted = records.filter(({ user }) => user.id === id).map(({ event }) => event.id);
  const list = ['list', '--log', log, '--user', id, '--json'];
  const listed = async (args: readonly string[], env: Record<string, string>) => {
    const { stdout, stderr } = await runIn(attempts, args, env);
    return { ids: recordsIn(stdout).map(({ event }) => event.id), stderr };
  };
  expect(await listed(list, BOTH)).toEqual({ ids: [...wanted].sort().reverse(), stderr: '' });
  const half = await listed(list, ONE);
  expect(half.ids).toEqual(wanted.slice(3));
  expect(half.stderr).toMatch(MISSING);
  const none = await listed(list, {});
  expect(none.ids).toEqual([]);
  expect(none.stderr).toContain('8 records with a pseudonym in place of the user. LATCHKEY_IDENTITY_KEY');

  // The other way round: from a pseudonym, as a dashboard of log events has it, to the records in the store and their user.
  const { hash } = records.find(({ event }) => event.id === wanted[3])!.user;
  const [whole] = recordsIn((await runIn(attempts, ['list', ...at, '--user', hash!, '--json'])).stdout);
  expect(whole?.user).toMatchObject({ id, hash });
  const summary = await runIn(attempts, ['summary', '--by', 'user', '--log', log, '--json']);
  expect(JSON.parse(summary.stdout).groups.map(({ key }: { key: string }) => key)).toContain(hash);
  const network = await listed(['list', '--log', log, '--network', '127.0.0.9', '--json'], {});
  expect(network.ids).toHaveLength(8);
  // A network is not its first address.
  for (const address of ['127.0.0.1', '127.0.0.0'])
    expect((await listed(['list', '--log', log, '--address', address, '--json'], {})).ids).toEqual([]);

  // The first record of theirs is the earlier key's.
  const explained = await runIn(attempts, ['explain', wanted[1]!, '--log', log, ...at], BOTH);
  expect(explained.stdout).toContain(`  user ${id}\nFrom 127.0.0.0/24, `);
  expect(explained.stdout).toMatch(/\nPasskey [\w-]{8} “/);
  const json = JSON.parse((await runIn(attempts, ['explain', wanted[1]!, '--log', log, ...at, '--json'], BOTH)).stdout);
  expect(json).toMatchObject({ userId: id, record: { user: { id: null } } });
  const unnamed = await runIn(attempts, ['explain', wanted[1]!, '--log', log, ...at], ONE);
  expect(unnamed.stdout).toMatch(new RegExp(`  user hmac-sha256:${earlierId}:[\\w-]{22}\\n`));

  const ready = async (env: Record<string, string>) =>
    JSON.parse((await runIn(readiness, [...at, '--log', log, '--json'], env)).stdout);
  expect(await ready(BOTH)).toMatchObject({ recordsNotTold: 0, users: { met: 2 } });
  expect(await ready(ONE)).toMatchObject({ recordsNotTold: 2, users: { met: 2 } });
  expect(await ready({})).toMatchObject({ recordsNotTold: 4, users: { unknown: 2 } });

  const erased = async (env: Record<string, string>) => {
    const { code, stdout } = await runIn(erase, ['--user', id, '--log', log, '--yes'], env);
    return { code, stdout };
  };
  const unkeyed = await erased({});
  expect(unkeyed.code).toBe(1);
  expect(unkeyed.stdout).toContain(`8 records with a pseudonym in place of the user, by the identity key`);
  const some = await erased(ONE);
  expect([some.code, some.stdout]).toEqual([1, expect.stringMatching(/^1 record erased in 1 file/)]);
  expect(some.stdout).toMatch(MISSING);
  const rest = await erased(BOTH);
  expect([rest.code, rest.stdout]).toEqual([0, expect.stringMatching(/^3 records erased in 1 file of .*\n$/)]);
  expect((await listed(list, BOTH)).ids).toEqual([]);
  expect((await listed(['list', '--log', log, '--json'], {})).ids).toHaveLength(8);
});

test('a key that cannot be one is refused by its place, and earlier keys alone are', async () => {
  const { at } = place('SQLite');
  await runIn(migrate, at);
  const said = async (env: Record<string, string>) => runIn(passkeys, ['--user', '1', ...at], env);
  const short = await said({ ...ONE, LATCHKEY_EARLIER_IDENTITY_KEYS: `${EARLIER}\n\nshort and secret` });
  expect(short).toMatchObject({ code: 2, stderr: expect.stringContaining('Key 2 of LATCHKEY_EARLIER_IDENTITY_KEYS') });
  expect(short.stderr).not.toContain('short and secret');
  expect(await said({ LATCHKEY_EARLIER_IDENTITY_KEYS: EARLIER })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('LATCHKEY_EARLIER_IDENTITY_KEYS needs LATCHKEY_IDENTITY_KEY'),
  });
});
