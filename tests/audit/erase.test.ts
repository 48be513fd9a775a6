/** A person is taken out of a log: their lines verify as erased, and the chain and the evidence of others as before. */
import { generateKeyPairSync } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { chained, eraseUser, evidenceFor, fileSink, linesOf, verifyChain, verifyEvidence } from '@latchkey/audit';
import { type AttemptRecord, pseudonymizer } from '@latchkey/core';
import { expect, test } from 'vitest';
import { folder, linesIn, startWriting } from './log-folder.ts';
import { recordOf } from './records.ts';

const keys = { current: 'k1', byId: { k1: 'the first key of a chain, only for tests' } };
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const checkpointKeys = { c1: publicKey };
const signingKey = { id: 'c1', privateKey };

/** The n-th record is one of three people's, each with an address of their own. */
const record = (n: number): AttemptRecord => ({
  ...recordOf(n),
  user: { known: true, id: `person-${n % 3}`, hash: null, created: false },
  client: { address: `192.0.2.${n % 3}`, userAgent: `browser of ${n % 3}`, immediateGet: true },
});

function openChain(home: string) {
  let now = Date.UTC(2026, 10, 22);
  const sink = fileSink({ path: join(home, 'audit.log'), fsync: 'never', maxBytes: 30_000, clock: () => now++ });
  const checkpoints = {
    sink: fileSink({ path: join(home, 'checkpoints.log'), fsync: 'never' }),
    every: 10,
    signingKey,
  };
  return chained(sink, { keys, checkpoints });
}

const verify = (home: string) =>
  verifyChain(linesOf(join(home, 'audit.log')), {
    ...{ keys: keys.byId, checkpoints: linesOf(join(home, 'checkpoints.log')), checkpointKeys },
  });

const evidenceOf = (home: string, userId: string) =>
  evidenceFor({
    ...{ lines: linesOf(join(home, 'audit.log')), checkpoints: linesOf(join(home, 'checkpoints.log')) },
    ...{ keys: keys.byId, checkpointKeys, filter: { userId }, signingKey },
  });

const textOf = (home: string) =>
  readdirSync(home)
    .map((file) => readFileSync(join(home, file), 'utf8'))
    .join('');

test('an erased person is in no file any more, and everything else verifies as before', async () => {
  const home = folder();
  const chain = openChain(home);
  for (let n = 0; n < 100; n += 1) await chain.write(record(n));
  await chain.close();
  const before = await evidenceOf(home, 'person-2');
  const files = readdirSync(home);
  expect(files.length).toBeGreaterThan(4);

  const report = await eraseUser({ path: join(home, 'audit.log'), userId: 'person-1' });
  expect(report).toMatchObject({ erased: 33, left: 0, openIn: [] });
  expect(readdirSync(home)).toEqual(files);
  for (const file of files) expect(statSync(join(home, file)).mode & 0o777).toBe(0o600);
  for (const trace of ['person-1', '192.0.2.1', 'browser of 1']) expect(textOf(home)).not.toContain(trace);

  const seen = await verify(home);
  expect(seen).toMatchObject({ intact: true, records: 100, checkpointed: 99, erased: { count: 33, firstLine: 2 } });
  expect(seen.unseen).toContain(
    '33 records have no personal members any more; who removed them, and why, is not in the log.',
  );
  // What was given to somebody before, and what is given to somebody now.
  const after = await evidenceOf(home, 'person-2');
  for (const { evidence } of [before, after]) {
    expect(verifyEvidence(evidence!, { checkpointKeys })).toMatchObject({ holds: true, records: 33, erased: 0 });
  }
  // The chain goes on from an erased line.
  const next = openChain(home);
  await next.write(record(1));
  await next.close();
  expect(await verify(home)).toMatchObject({ intact: true, records: 101 });
});

test('an erased line says no more than it did: whatever else is changed about it is found', async () => {
  const home = folder();
  const path = join(home, 'audit.log');
  const chain = chained(fileSink({ path, fsync: 'never' }), { keys });
  for (let n = 0; n < 3; n += 1) await chain.write(record(n));
  await chain.close();
  const original = linesIn(path);
  await eraseUser({ path, userId: 'person-1' });
  const [, erased] = linesIn(path);
  const { user, client, credential, ...rest } = JSON.parse(original[1]!);
  const { salt, ...integrity } = rest.integrity;
  expect(salt).toMatch(/^[0-9a-f]{32}$/);
  expect(JSON.parse(erased!)).toEqual({ ...rest, integrity });
  const faultOf = async (line: object) =>
    (await verifyChain(original.with(1, JSON.stringify(line)), { keys: keys.byId })).fault?.kind ?? null;
  const line = JSON.parse(erased!);
  expect(await faultOf(line)).toBeNull();
  expect(await faultOf({ ...line, outcome: 'failure' })).toBe('edited');
  expect(await faultOf({ ...line, user })).toBe('edited');
  expect(await faultOf({ ...line, user: { ...user, id: 'somebody else' }, client, credential })).toBe('edited');
  expect(await faultOf({ ...rest, client, credential })).toBe('edited');
  expect(await faultOf({ ...rest, user, client, credential: { ...credential, aaguid: 'x' } })).toBe('edited');
  expect(
    await faultOf({ ...line, integrity: { ...integrity, personal: { ...integrity.personal, members: [] } } }),
  ).toBe('edited');
  // Two records of one person have two salts: their hashes do not say that they are one person's.
  const hashes = original.map((text) => JSON.parse(text).integrity.personal.hash);
  const again = chained(
    { name: 'list', write: async (it) => void hashes.push(hashOf(it)), close: async () => {} },
    { keys },
  );
  await again.write(record(1));
  expect(new Set(hashes).size).toBe(4);
});

const hashOf = (line: object) => (line as { integrity: { personal: { hash: string } } }).integrity.personal.hash;

test('the current file of a process that has it open stays, and is named', async () => {
  const home = folder();
  const chain = openChain(home);
  for (let n = 0; n < 50; n += 1) await chain.write(record(n));
  const report = await eraseUser({ path: join(home, 'audit.log'), userId: 'person-1' });
  expect(report.openIn).toEqual([expect.stringMatching(/^process \d+ on /)]);
  expect(report.erased + report.left).toBe(17);
  expect(report.left).toBeGreaterThan(0);
  await chain.write(record(50));
  await chain.close();
  const rest = await eraseUser({ path: join(home, 'audit.log'), userId: 'person-1' });
  expect(rest).toMatchObject({ erased: report.left, left: 0, openIn: [] });
  expect(await verify(home)).toMatchObject({ intact: true, records: 51, erased: { count: 17 } });
});

test('a log without a chain loses the personal members; a chain that seals none of them keeps its lines, and says so', async () => {
  const home = folder();
  const plain = fileSink({ path: join(home, 'plain.log'), fsync: 'never' });
  for (let n = 0; n < 6; n += 1) await plain.write(record(n));
  await plain.close();
  expect(await eraseUser({ path: join(home, 'plain.log'), userId: 'person-1' })).toMatchObject({ erased: 2, left: 0 });
  expect(readFileSync(join(home, 'plain.log'), 'utf8')).not.toContain('person-1');
  expect(linesIn(join(home, 'plain.log'))).toHaveLength(6);

  const path = join(home, 'sealed.log');
  const sealed = chained(fileSink({ path, fsync: 'never' }), { keys, personal: [] });
  for (let n = 0; n < 6; n += 1) await sealed.write(record(n));
  await sealed.close();
  expect(await eraseUser({ path, userId: 'person-1' })).toMatchObject({ erased: 0, left: 2, files: [] });
  expect((await verifyChain(linesOf(path), { keys: keys.byId })).intact).toBe(true);
});

test('a process that was killed with the log open does not keep anybody in it', async () => {
  const path = join(folder(), 'audit.log');
  const task = { file: { path, fsync: 'never' }, count: 9, stay: true, chain: keys.byId.k1 };
  const { child, wrote, gone } = await startWriting(task);
  await wrote(9);
  expect(await eraseUser({ path, userId: 'user 3' })).toMatchObject({ erased: 0, left: 1 });
  child.kill('SIGKILL');
  await gone;
  expect(await eraseUser({ path, userId: 'user 3' })).toMatchObject({ erased: 1, left: 0, openIn: [] });
  expect(await verifyChain(linesOf(path), { keys: keys.byId })).toMatchObject({ intact: true, erased: { count: 1 } });
});

test('a person whose lines have pseudonyms alone is erased by those of every key, and lines of other keys are counted', async () => {
  const [current, earlier, lost] = ['this year', 'last year', 'long ago'].map((when) =>
    pseudonymizer(`the key of ${when}, and for tests only`),
  );
  const path = join(folder(), 'audit.log');
  const chain = chained(fileSink({ path, fsync: 'never' }), { keys });
  for (const key of [lost!, earlier!, current!]) {
    for (const person of ['ada', 'eve']) {
      const user = { known: true, id: null, hash: key.pseudonym(person), created: false };
      await chain.write({ ...record(0), user });
    }
  }
  await chain.close();
  const userHashes = [current!.pseudonym('ada'), earlier!.pseudonym('ada')];
  // Without them nothing is found, and it is said that there is something to find.
  expect(await eraseUser({ path, userId: 'ada' })).toMatchObject({
    erased: 0,
    untold: { [lost!.keyId]: 2, [earlier!.keyId]: 2, [current!.keyId]: 2 },
  });
  const report = await eraseUser({ path, userId: 'ada', userHashes });
  expect(report).toMatchObject({ erased: 2, left: 0 });
  expect(report.untold).toEqual({ [lost!.keyId]: 2 });
  for (const hash of userHashes) expect(readFileSync(path, 'utf8')).not.toContain(hash);
  expect(readFileSync(path, 'utf8')).toContain(current!.pseudonym('eve'));
  expect(await verifyChain(linesOf(path), { keys: keys.byId })).toMatchObject({ intact: true, erased: { count: 2 } });
});
