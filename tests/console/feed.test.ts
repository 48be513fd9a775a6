/** What the console's list asks for, over 5,000 records and more: filtered and counted on the server, and small whatever is there. */
import { channel } from 'node:diagnostics_channel';
import { type AttemptRecord, memoryStore } from '@latchkey/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Feed, openFeed } from '../../packages/console/src/feed.ts';
import { recordOf } from '../audit/records.ts';

/** Three days of attempts, a change after every ninth; a tenth of the attempts is cancelled. */
const MANY = 5_400;
let feed: Feed;

beforeAll(async () => {
  const { attempts } = memoryStore();
  const first = Date.now() - MANY * 48_000;
  for (let n = 0; n < MANY; n++) {
    const record = recordOf(n);
    const time = new Date(first + n * 48_000).toISOString();
    const changed = n % 10 === 9;
    const cancelled = n % 10 === 3;
    const made: AttemptRecord = {
      ...record,
      event: { ...record.event, time, name: changed ? 'latchkey.passkey.added' : 'latchkey.signin.attempt' },
      ...(cancelled && { outcome: 'cancelled', reason: 'client_not_allowed', reasonSource: 'client_report' }),
      immediate: { ...record.immediate, enforcement: cancelled ? 'not_evaluated' : 'enforced' },
    };
    await attempts!.append(made);
  }
  feed = openFeed(attempts!);
});

afterAll(() => feed.close());

it('answers in less than 100 kB, however much there is', async () => {
  for (const range of ['30m', '24h', '7d'])
    for (const kind of ['attempts', 'changes', 'all'])
      expect(JSON.stringify(await feed.latest({ range, kind })).length).toBeLessThan(100_000);
  expect(JSON.stringify(await feed.latest({ range: '7d', only: 'counts' })).length).toBeLessThan(5_000);
});

it('counts attempts, not changes, and says how many records that were at most', async () => {
  const { counts } = await feed.latest({ range: '7d' });
  const total = counts.bars.reduce((sum, bar) => sum + Object.values(bar).reduce((all, one) => all + one, 0), 0);
  expect(counts.atMost).toBe(5_000);
  expect(total).toBe(4_500);
  expect(counts.reasons).toEqual([['client_not_allowed', 500]]);
  expect(counts.enforcement).toMatchObject({ enforced: 4_000, not_evaluated: 500 });
  expect((await feed.latest({ range: '24h' })).counts.atMost).toBeNull();
});

it('filters, and goes on to older ones without a gap or a repetition', async () => {
  const seen: string[] = [];
  let before = '';
  for (let page = 0; page < 4; page++) {
    const { attempts, hasOlder } = await feed.latest({ range: '7d', reason: 'client_not_allowed', before });
    expect(attempts.every(({ outcome }) => outcome === 'cancelled')).toBe(true);
    expect(hasOlder).toBe(true);
    seen.push(...attempts.map(({ eventId }) => eventId));
    before = seen.at(-1)!;
  }
  expect(new Set(seen).size).toBe(200);
  expect(seen).toEqual([...seen].sort().reverse());
});

it('has attempts, changes or both', async () => {
  const names = async (kind: string) => {
    const { attempts } = await feed.latest({ range: '24h', kind });
    return [...new Set(attempts.map(({ name }) => name))].sort();
  };
  expect(await names('attempts')).toEqual(['latchkey.signin.attempt']);
  expect(await names('changes')).toEqual(['latchkey.passkey.added']);
  expect(await names('all')).toEqual(['latchkey.passkey.added', 'latchkey.signin.attempt']);
});

it('shows the attempts of one bar', async () => {
  const { counts } = await feed.latest({ range: '24h' });
  const at = counts.start + 5 * counts.step;
  const { attempts } = await feed.latest({ range: '24h', at: String(at) });
  expect(attempts.length).toBeGreaterThan(0);
  expect(attempts.every(({ time }) => Date.parse(time) >= at && Date.parse(time) < at + counts.step)).toBe(true);
});

it('finds a record by its own id and by that of its attempt, and nothing else', async () => {
  const { attempts } = await feed.latest({ range: '24h' });
  const [{ eventId, attemptId }] = attempts as [(typeof attempts)[0]];
  expect((await feed.find(eventId))?.event.id).toBe(eventId);
  expect((await feed.find(attemptId))?.event.id).toBe(eventId);
  expect(await feed.find('01900000-0000-7000-8000-ffffffffffff')).toBeUndefined();
  expect(await feed.find("' or 1=1")).toBeUndefined();
});

it('does not mind what is not understood', async () => {
  const asked = {
    range: ['7d'],
    outcome: { a: 1 },
    kind: 'x',
    reason: ['a'],
    at: '-1',
    before: 'now',
    enforcement: '',
  };
  expect((await feed.latest(asked)).attempts.length).toBeGreaterThan(0);
});

it('sends what happens at once as few events, of which the page can read each in no time', async () => {
  const reader = feed
    .stream()
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  const told = async () => JSON.parse((await reader.read()).value!.slice('data: '.length));
  await reader.read();
  const records = Array.from({ length: 160 }, (_, n) => recordOf(n));
  for (const record of records) channel('latchkey.attempt').publish(record);
  const ids = records.map(({ event }) => event.id);
  const [first, then] = [await told(), await told()];
  const idsOf = ({ attempts }: { attempts: { eventId: string }[] }) => attempts.map(({ eventId }) => eventId);
  expect([idsOf(first), first.left]).toEqual([ids.slice(0, 1), 0]);
  expect([idsOf(then), then.left]).toEqual([ids.slice(-100), 59]);
  await reader.cancel();
});
