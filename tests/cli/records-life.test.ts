/**
 * The end of a record's life from the command line: purged, erased, taken out as evidence; and what was erased is still listed,
 * explained and verified.
 */
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chained, fileSink } from '@latchkey/audit';
import type { AttemptRecord } from '@latchkey/core';
import { expect, test } from 'vitest';
import { recordOf } from '../audit/records.ts';
import { folder, latchkey, latchkeyJson } from './latchkey.ts';
import { KINDS, place } from './stores.ts';

const DAY = 86_400_000;

/** The n-th record, of one of three people. */
function record(n: number, time?: number): AttemptRecord {
  const one = recordOf(n);
  const event = time === undefined ? one.event : { ...one.event, time: new Date(time).toISOString() };
  const client = { address: `192.0.2.${n % 3}`, userAgent: `browser of ${n % 3}`, immediateGet: true };
  return { ...one, event, user: { known: true, id: `person-${n % 3}`, hash: null, created: false }, client };
}

test.each(KINDS)('records are purged and erased, in %s', async (kind) => {
  const { at, store, migrate } = place(kind);
  await migrate();
  const now = Date.now();
  for (let n = 0; n < 9; n += 1) await store.attempts.append(record(n, now - (n < 6 ? 500 : 1) * DAY));
  expect(await latchkeyJson(['purge', '--older-than', '400d', ...at])).toMatchObject({ code: 0, json: { purged: 6 } });
  expect(await latchkeyJson(['purge', '--older-than', '400d', ...at])).toMatchObject({ code: 0, json: { purged: 0 } });
  expect(await store.attempts.list({ limit: 100 })).toHaveLength(3);
  const erase = ['erase', '--user', 'person-1', ...at];
  if (kind === 'SQLite') expect((await latchkey(erase)).code).toBe(2);
  expect(await latchkeyJson([...erase, '--yes'])).toMatchObject({ code: 0, json: { store: { erased: 1 }, logs: [] } });
  const left = (await store.attempts.list({ limit: 100 })).map(({ user }) => user.id);
  expect(left.sort()).toEqual(['person-0', 'person-2']);
});

const KEY = { AUDIT_KEY_1: 'a key of a chain, only for tests, truly' };

/** A chained log of thirty records in several files, with signed checkpoints, and the keys beside it. */
async function chain() {
  const home = folder();
  const [log, checkpoints] = [join(home, 'sign-ins.log'), join(home, 'checkpoints.log')];
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const sink = fileSink({ path: log, fsync: 'never', maxBytes: 20_000 });
  const kept = fileSink({ path: checkpoints, fsync: 'never' });
  const writing = chained(sink, {
    keys: { current: 'k1', byId: { k1: KEY.AUDIT_KEY_1 } },
    checkpoints: { sink: kept, every: 5, signingKey: { id: 'c1', privateKey } },
  });
  for (let n = 0; n < 30; n += 1) await writing.write(record(n));
  await writing.close();
  const publicKeys = join(home, 'keys.json');
  writeFileSync(publicKeys, JSON.stringify({ c1: publicKey.export({ format: 'pem', type: 'spki' }) }));
  const secret = join(home, 'c1.pem');
  writeFileSync(secret, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const at = ['--log', log, '--checkpoints', checkpoints, '--checkpoint-keys', publicKeys];
  return { home, log, at, publicKeys, signing: ['--signing-key', `c1=file:${secret}`] };
}

test('an erased person is in the log no more, and it is listed, explained and verified as before', async () => {
  const { home, log, at } = await chain();
  const secretKey = ['--key', 'k1=env:AUDIT_KEY_1'];
  expect(await latchkeyJson(['erase', '--user', 'person-1', '--log', log, '--yes'])).toMatchObject({
    code: 0,
    json: { store: null, logs: [{ erased: 10, left: 0 }] },
  });
  const { code, json } = await latchkeyJson(['verify', ...at, ...secretKey], KEY);
  expect({ code, ...json }).toMatchObject({ code: 0, intact: true, records: 30, erased: { count: 10, firstLine: 2 } });
  const { stdout } = await latchkey(['verify', ...at]);
  expect(stdout).toContain('erased  10 records without personal members, first line 2');
  expect(stdout).toContain('No secret key was given');

  const listed = await latchkey(['attempts', 'list', '--log', log, '--limit', '100']);
  expect(listed).toMatchObject({ code: 0, stdout: expect.stringContaining('user -') });
  expect(listed.stdout.trim().split('\n')).toHaveLength(30);
  for (const trace of ['person-1', '192.0.2.1,']) expect(listed.stdout).not.toContain(trace);
  expect((await latchkey(['attempts', 'list', '--log', log, '--user', 'person-1'])).stdout).toBe('');
  const by = await latchkeyJson(['attempts', 'summary', '--by', 'user', '--log', log]);
  expect(by.json.groups).toContainEqual(expect.objectContaining({ key: null, attempts: 10 }));
  expect(await latchkey(['attempts', 'explain', record(1).event.id, '--log', log])).toMatchObject({
    code: 0,
    stderr: '',
  });

  // The oldest file is removed, as `keep` does.
  const [oldest] = readdirSync(home)
    .filter((name) => name.startsWith('sign-ins.log.2'))
    .sort();
  rmSync(join(home, oldest!));
  expect(await latchkeyJson(['verify', ...at])).toMatchObject({ code: 1, json: { fault: { kind: 'cut_off' } } });
  const rest = await latchkey(['verify', ...at, '--from-first-line']);
  expect(rest).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/Records 0 to \d+ are not here and were not checked\./),
  });
});

test('evidence is written once, holds by the public keys alone, and an edited one is refused', async () => {
  const { home, at, publicKeys, signing, log } = await chain();
  const out = join(home, 'evidence.json');
  const make = ['evidence', '--user', 'person-2', ...at, ...signing];
  expect(await latchkey(make)).toMatchObject({ code: 2, stderr: 'Say where the evidence goes: --out FILE.\n' });

  expect(await latchkeyJson([...make, '--out', out])).toMatchObject({ code: 0, json: { records: 10, uncovered: [] } });
  expect((await latchkey([...make, '--out', out])).code).toBe(3);
  rmSync(log);
  const verify = ['evidence', 'verify', out, '--checkpoint-keys', publicKeys];
  expect(await latchkeyJson(verify)).toMatchObject({ code: 0, json: { holds: true, records: 10, erased: 0 } });
  expect((await latchkey(verify)).stdout).toMatch(/^holds {2}10 records, .*\n {2}Searched for \{"userId":"person-2"\}/);
  writeFileSync(out, readFileSync(out, 'utf8').replace('192.0.2.2', '192.0.2.9'));
  expect(await latchkeyJson(verify)).toMatchObject({ code: 1, json: { holds: false } });
  writeFileSync(publicKeys, 'no keys');
  expect((await latchkey(verify)).code).toBe(2);
});
