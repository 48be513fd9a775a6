/**
 * Measures whether the time of an answer tells who has an account: known and unknown names, and forged answers for keys of each
 * kind and for nobody's, in turns. `node --conditions=latchkey-source tests/security/timing.ts memory|sqlite|postgres [rounds]`.
 * Prints the medians in microseconds, their difference, and z by Mann and Whitney: beyond 3 is no chance.
 */
import { memoryStore, type Store } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import { createSoftwarePasskey } from '@latchkey/testing';
import { databases } from '../stores/support/databases.ts';
import { ORIGIN, openDirect } from './direct.ts';

const [kind = 'memory', count = '500'] = process.argv.slice(2);

async function openStore(): Promise<{ store: Store; close(): Promise<void> }> {
  if (kind === 'memory') return { store: memoryStore(), close: async () => {} };
  const { db, tablePrefix, close } = await databases.find(({ dialect }) => dialect === kind)!.open();
  await migrate(db, { tablePrefix });
  return { store: sqlStore(db, { tablePrefix }), close };
}

const { store, close } = await openStore();
const { browser } = openDirect({ store });

/** What must look alike: each answers what to send, so that only the sending is timed. */
type Work = () => Promise<() => Promise<unknown>>;

const asking =
  (identifier: string): Work =>
  async () => {
    const visitor = browser();
    return () => visitor.send('POST', '/authentication/options', { mode: 'modal', identifier });
  };

const forging =
  (identifier: string, algorithm: -7 | -8 | -257): Work =>
  async () => {
    const visitor = browser();
    const body = { mode: 'modal', identifier };
    const { attemptId, publicKey } = (await visitor.send('POST', '/authentication/options', body)).json;
    const credentialId = publicKey.allowCredentials[0].id;
    const stranger = createSoftwarePasskey({ origin: ORIGIN, credentialId, rpId: 'localhost', algorithm });
    const credential = stranger.authenticate(publicKey);
    return () => visitor.send('POST', '/authentication/verify', { attemptId, credential });
  };

async function time(work: Work): Promise<number> {
  const send = await work();
  const started = performance.now();
  await send();
  return (performance.now() - started) * 1_000;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** How far the sum of ranks of the first is from what chance makes likely, in standard deviations. */
function mannWhitney(first: readonly number[], second: readonly number[]): number {
  const all = [...first.map((value) => [value, 1]), ...second.map((value) => [value, 0])].sort((a, b) => a[0]! - b[0]!);
  const ranks = all.reduce((sum, [, isFirst], index) => sum + (isFirst ? index + 1 : 0), 0);
  const [n, m] = [first.length, second.length];
  return (ranks - (n * (n + m + 1)) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
}

async function compare(what: string, known: Work, unknown: Work): Promise<void> {
  const [first, second]: [number[], number[]] = [[], []];
  for (let round = 0; round < 30; round++) for (const work of [known, unknown]) await time(work);
  for (let round = 0; round < Number(count); round++) {
    first.push(await time(known));
    second.push(await time(unknown));
  }
  const [one, other] = [median(first), median(second)];
  const row = [one, other, one - other].map((value) => value.toFixed(0).padStart(7)).join(' ');
  console.log(`${what.padEnd(34)} ${row}   z ${mannWhitney(first, second).toFixed(1)}`);
}

for (const [name, algorithm] of [
  ['es256', -7],
  ['rs256', -257],
  ['eddsa', -8],
] as const) {
  const visitor = browser();
  const { attemptId, publicKey } = (await visitor.send('POST', '/registration/options', { username: name })).json;
  const passkey = createSoftwarePasskey({ origin: ORIGIN, algorithm });
  const credential = passkey.register(publicKey);
  await visitor.send('POST', '/registration/verify', { attemptId, credential });
}

console.log(`${kind}: medians of ${count} each, in microseconds: known, unknown, difference`);
await compare('options, two unknown names', asking('nobody'), asking('somebody'));
await compare('options', asking('es256'), asking('nobody'));
await compare('forged answer, ES256 key', forging('es256', -7), forging('nobody', -7));
await compare('forged answer, RS256 key', forging('rs256', -257), forging('nobody', -257));
await compare('forged answer, EdDSA key', forging('eddsa', -8), forging('nobody', -8));
await close();
