/**
 * An analyst's questions, each answered by one command from records alone: of a thousand mixed attempts in SQLite and in a log
 * with its rotated file. What a command says is compared with what the records say.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttemptRecord } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import { Command } from 'commander';
import { Kysely } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Filters, filterOptions, matches } from '../../packages/cli/src/attempts/filters.ts';
import { networkOf } from '../../packages/cli/src/attempts/network.ts';
import { kyselyDialect } from '../stores/support/databases.ts';
import { latchkey } from './latchkey.ts';
import { type Attempts, IDENTITY_KEY, makeAttempts } from './thousand-attempts.ts';

let made: Attempts;
let store: string;
let log: string;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-answers-'));
  store = `sqlite:${join(folder, 'app.db')}`;
  log = join(folder, 'sign-ins.log');
  const db = new Kysely<Record<never, never>>({ dialect: kyselyDialect(store) });
  await migrate(db);
  made = await makeAttempts(sqlStore(db));
  await db.destroy();
  const lines = made.records.map((record) => `${JSON.stringify(record)}\n`);
  // Older lines are in a rotated file, as the file sink names it.
  writeFileSync(`${log}.20261122T163000123Z`, lines.slice(0, 400).join(''));
  writeFileSync(log, lines.slice(400).join(''));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(['SQLite', 'a log'] as const)('from records in %s', (kind) => {
  /** The store is named beside the log as well: passkeys are looked up there. */
  const run = (
    args: readonly string[],
    env: Readonly<Record<string, string>> = { LATCHKEY_IDENTITY_KEY: IDENTITY_KEY },
  ) => latchkey([...args, ...(kind === 'a log' ? ['--log', log] : []), '--store', store], env);
  const listed = async (...filters: readonly string[]) => {
    const { code, stdout, stderr } = await run(['attempts', 'list', '--json', '--limit', '5000', ...filters]);
    expect({ code, stderr: stderr.replace('No record matches.\n', '') }).toEqual({ code: 0, stderr: '' });
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as AttemptRecord);
  };
  const summary = async (...args: readonly string[]) => {
    const { stdout } = await run(['attempts', 'summary', '--json', ...args]);
    return JSON.parse(stdout);
  };
  const expected = (of: (record: AttemptRecord) => boolean) =>
    made.records
      .filter(of)
      .map(({ event }) => event.id)
      .sort()
      .reverse();
  const ids = (records: readonly AttemptRecord[]) => records.map(({ event }) => event.id);

  test('there are more than a thousand, and all of them are listed', async () => {
    expect(made.records.length).toBeGreaterThan(1_000);
    expect(ids(await listed())).toEqual(expected(() => true));
  });

  test('who signed in from where with which passkey last week?', async () => {
    const args = ['--event', 'latchkey.signin.attempt', '--outcome', 'success', '--since', '7d', '--limit', '2000'];
    const { stdout } = await run(['attempts', 'list', ...args]);
    const lines = stdout.trim().split('\n');
    const since = Date.now() - 7 * 86_400_000;
    const wanted = made.records.filter(
      ({ event, outcome }) =>
        event.name === 'latchkey.signin.attempt' && outcome === 'success' && Date.parse(event.time) >= since,
    );
    expect(Math.abs(lines.length - wanted.length)).toBeLessThanOrEqual(1);
    for (const line of lines) expect(line).toMatch(/ user \S+ {2}from [\d.a-f:]+, \S+ on \S+ {2}passkey [\w-]{8} “.+”/);
    const ada = lines.filter((line) => line.includes(`user ${made.ada.id} `));
    expect(
      ada.some((line) => /from 203\.0\.113\.7, Safari on iOS {2}passkey [\w-]{8} “Apple Passwords”, Apple/.test(line)),
    ).toBe(true);
    expect(
      ada.some((line) =>
        /from 2001:db8:77:1::5, Edge on Windows {2}passkey [\w-]{8} “Blue key”, on another device/.test(line),
      ),
    ).toBe(true);
  });

  test('what did this passkey do? By its nickname, its id, its reference and the beginning of it', async () => {
    const { stdout } = await latchkey(['passkeys', '--user', made.ada.id, '--store', store, '--json'], {
      LATCHKEY_IDENTITY_KEY: IDENTITY_KEY,
    });
    const key = JSON.parse(stdout).passkeys.find(({ id }: { id: string }) => id === made.ada.key);
    expect(key).toMatchObject({ nickname: 'Blue key', provider: null, enabled: true });
    const wanted = expected(({ credential }) => credential.ref === key.ref);
    expect(wanted.length).toBeGreaterThanOrEqual(3);
    const short = key.ref.split(':')[2].slice(0, 8);
    for (const name of ['blue KEY', key.id, key.ref, short])
      expect(ids(await listed('--passkey', name)), name).toEqual(wanted);
    expect(ids(await listed('--passkey', 'Blue key', '--user', made.ada.id))).toEqual(wanted);
    // A reference needs no key; an id and a nickname do, and say so.
    const bare = await run(['attempts', 'list', '--passkey', key.ref, '--json'], {});
    expect(
      ids(
        bare.stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ),
    ).toEqual(wanted);
    for (const name of [key.id, 'Blue key'])
      expect(await run(['attempts', 'list', '--passkey', name], {})).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('LATCHKEY_IDENTITY_KEY'),
      });
    const noKey = await run(['attempts', 'list', '--passkey', 'Nickname'], {});
    expect(noKey).toMatchObject({ code: 0, stderr: expect.stringContaining('taken for the beginning of a reference') });
    // With another key nothing is found, and both keys are named.
    const other = await run(['attempts', 'list', '--passkey', key.id], {
      LATCHKEY_IDENTITY_KEY: 'another key for tests, and for tests only',
    });
    expect(other.stderr).toMatch(
      /No record matches\.\n\d+ records made with the identity key [0-9a-f]{8}; LATCHKEY_IDENTITY_KEY is the key [0-9a-f]{8}\./,
    );
    expect(await run(['attempts', 'list', '--passkey', 'no such name'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no passkey here has this id or nickname'),
    });
  });

  test('is somebody replaying? The second answer, and the first one beside it', async () => {
    const reasons = await summary('--by', 'reason', '--since', '24h', '--outcome', 'failure');
    expect(reasons.groups.find(({ key }: { key: string }) => key === 'challenge_consumed')).toMatchObject({
      attempts: 1,
    });
    const [replay] = await listed('--reason', 'challenge_consumed');
    expect(replay!.attempt).toMatchObject({ id: made.replay.second, relatedId: made.replay.first });
    const { stdout } = await run(['attempts', 'explain', replay!.attempt.id]);
    expect(stdout).toContain('\nFrom 192.0.2.200, curl.\n');
    expect(stdout).toMatch(
      new RegExp(
        `\\nRelated attempt\\n {2}${made.replay.first} ended in success, 12345 ms before this one: .*\\n {2}It came from 203\\.0\\.113\\.7, Safari on iOS\\.\\n {2}The address is another one: 203\\.0\\.113\\.7, and here 192\\.0\\.2\\.200\\.\\n {2}The browser is another one: Safari on iOS, and here curl\\.\\n$`,
      ),
    );
    const { json } = await asJson(['attempts', 'explain', replay!.event.id]);
    expect(json.related).toMatchObject({ sameAddress: false, sameBrowser: false, laterMs: 12_345 });
    expect(json.related.record.attempt.id).toBe(made.replay.first);
  });

  const asJson = async (args: readonly string[]) => {
    const { code, stdout } = await run([...args, '--json']);
    return { code, json: JSON.parse(stdout) };
  };

  test('is a passkey copied? A counter that went back, also where policy let it in', async () => {
    const { stdout } = await run(['attempts', 'list', '--user', made.ada.id, '--limit', '500']);
    const fallen = stdout.split('\n').filter((line) => line.includes('counter went back'));
    expect(fallen).toHaveLength(1);
    expect(fallen[0]).toContain('from 192.0.2.66, Firefox on Linux');
    const [, attempt] = /([0-9a-f-]{36}) {2}user/.exec(fallen[0]!) ?? [];
    expect((await run(['attempts', 'explain', attempt!])).stdout).toContain('The counter went back');
  });

  test('is this a stuffing wave? Failures by network, hour, browser and address', async () => {
    const networks = await summary(
      '--by',
      'network',
      '--outcome',
      'failure',
      '--since',
      '24h',
      '--event',
      'latchkey.signin.attempt',
    );
    const failures = made.records.filter(
      ({ event, outcome }) =>
        outcome === 'failure' && event.name === 'latchkey.signin.attempt' && Date.parse(event.time) >= made.lastDay,
    );
    expect(networks.groups[0]).toMatchObject({ key: '2001:db8:bad::/48', attempts: 306, failure: 306, success: 0 });
    expect(networks.attempts).toBe(failures.length);
    const wave = ['--network', '2001:db8:bad:3::99'];
    const ofWave = ({ client }: AttemptRecord) => client.address!.startsWith('2001:db8:bad:');
    expect(ids(await listed('--address', '2001:db8:bad::/48'))).toEqual(expected(ofWave));
    const browsers = await summary('--by', 'browser', ...wave);
    expect(browsers.groups).toEqual([expect.objectContaining({ key: 'curl', attempts: 306 })]);
    const hours = await summary('--by', 'hour', ...wave);
    expect(
      hours.groups.map(({ attempts }: { attempts: number }) => attempts).reduce((a: number, b: number) => a + b),
    ).toBe(306);
    const addresses = await summary('--by', 'address', ...wave, '--limit', '3');
    expect(addresses).toMatchObject({ attempts: 306, groupsLeftOut: expect.any(Number) });
    expect(addresses.groups).toHaveLength(3);
    const reasons = await summary('--by', 'reason', ...wave);
    expect(
      Object.fromEntries(reasons.groups.map(({ key, attempts }: { key: string; attempts: number }) => [key, attempts])),
    ).toEqual({
      credential_unknown: 300,
      signature_invalid: 6,
    });
  });

  test('whom did policy require hurt?', async () => {
    const hurt = await summary('--by', 'user', '--rule', 'immediate_mediation', '--limit', '100');
    expect(hurt.groups.map(({ key }: { key: string }) => key).sort()).toEqual([...made.hurt].sort());
    for (const group of hurt.groups) expect(group).toMatchObject({ attempts: 1, failure: 1 });
  });

  test('what happened to this person?', async () => {
    expect(ids(await listed('--user', made.ada.id))).toEqual(expected(({ user }) => user.id === made.ada.id));
    const passkeys = await run(['attempts', 'summary', '--by', 'passkey', '--user', made.ada.id]);
    expect(passkeys.stdout).toMatch(
      /^passkey +attempts +success .*\n[\w-]{8} “Apple Passwords”, Apple Passwords +\d+ .*\n/,
    );
    expect(passkeys.stdout).toContain(' “Blue key” ');
  });
});

/** The options as the command line reads them. */
function filtersOf(args: readonly string[]): Filters {
  return filterOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }))
    .parse(args, { from: 'user' })
    .opts<Filters>();
}

test.each<readonly [readonly string[], (record: AttemptRecord) => boolean]>([
  [['--address', '203.0.113.7'], ({ client }) => client.address === '203.0.113.7'],
  [['--address', '::ffff:203.0.113.7'], ({ client }) => client.address === '203.0.113.7'],
  [['--address', '198.51.100.0/28'], ({ client }) => /^198\.51\.100\.([0-9]|1[0-5])$/.test(client.address!)],
  [['--address', '2001:0db8:0077:1:0::5'], ({ client }) => client.address === '2001:db8:77:1::5'],
  [['--network', '192.0.2.9'], ({ client }) => client.address!.startsWith('192.0.2.')],
  [['--network', '2001:db8:bad:3::99'], ({ client }) => client.address!.startsWith('2001:db8:bad:')],
  [['--mode', 'modal'], ({ attempt }) => attempt.mode === 'modal'],
  [['--outcome', 'cancelled'], ({ outcome }) => outcome === 'cancelled'],
  [['--browser', 'edge'], ({ client }) => client.userAgent!.includes('Edg/')],
  [['--browser', 'on iOS'], ({ client }) => client.userAgent!.includes('iPhone')],
  [['--device', 'other'], ({ credential }) => credential.attachmentReported === 'cross-platform'],
  [['--provider', 'apple'], ({ credential }) => credential.aaguid === 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd'],
  [
    ['--reason', 'challenge_consumed,signature_invalid'],
    ({ reason }) => reason === 'challenge_consumed' || reason === 'signature_invalid',
  ],
])('%j gives the records that it says', (args, of) => {
  const filters = filtersOf(args);
  const found = made.records.filter((record) => matches(record, filters, () => true));
  expect(found.length).toBeGreaterThan(0);
  expect(found).toEqual(made.records.filter(of));
});

test.each(['203.0.113', '1.2.3.4/33', '1.2.3.4/8/8', '1.2.3.4/', 'example.com', '::1/129', ''])(
  '--address %j is no address',
  (address) => {
    expect(() => filtersOf(['--address', address])).toThrow('Write an address or a network');
  },
);

test.each([
  ['198.51.100.7', '198.51.100.0/24'],
  ['::ffff:198.51.100.7', '198.51.100.0/24'],
  ['198.51.100.7:443', '198.51.100.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
  ['2001:db8::7', '2001:db8::/48'],
  ['2001:0DB8:0:0::7', '2001:db8::/48'],
  ['::1', '::/48'],
  ['1::', '1::/48'],
  ['fe80::1%eth0', 'fe80::/48'],
  ['[2001:db8::7]:443', '2001:db8::/48'],
  ['a proxy', null],
  ['', null],
  [null, null],
])('the network of %j is %j', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
