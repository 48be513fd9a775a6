/** Several sinks that a sign-in waits for, which of them keeps what, and what a store's own attempts cost when it hangs. */
import { type AttemptRecord, memoryStore, type Sink, type Store } from '@latchkey/core';
import { openSite, type SiteOptions } from '@latchkey/testing';
import { expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';
import { assertValidRecord } from '../http/record-schema.ts';

const open = (options: SiteOptions = {}, store: () => Store = memoryStore) =>
  openSite({ mount: mounts['Express 5'], store, onRecord: assertValidRecord }, options);

/** A sink that a sign-in waits for, what it was asked to keep and what it kept. */
function ledger(name: string) {
  const asked: AttemptRecord[] = [];
  const kept: AttemptRecord[] = [];
  const state = { answer: (): unknown => undefined };
  const sink: Sink = {
    name,
    onFailure: 'fail_closed',
    async write(record) {
      asked.push(record);
      await state.answer();
      kept.push(record);
    },
  };
  return { sink, asked, kept, state };
}

const fail = () => Promise.reject(new Error('disk full'));
const brief = ({ outcome, reason }: AttemptRecord) => (reason === null ? outcome : `${outcome}: ${reason}`);

test('fail_closed sinks are asked in the order of their declaration, and one that fails ends it', async () => {
  const [first, second, third] = [ledger('first'), ledger('second'), ledger('third')];
  const site = await open({ audit: { sinks: [first.sink, second.sink, third.sink] } });
  const passkey = await site.agent().signUp('ada');
  for (const { asked, kept } of [first, second, third]) for (const list of [asked, kept]) list.length = 0;
  // Only the first record of the attempt: its correction comes through.
  second.state.answer = () => {
    second.state.answer = () => undefined;
    return fail();
  };
  const agent = site.agent();
  const reply = await agent.signIn(passkey);
  expect([reply.status, reply.json.code]).toEqual([503, 'audit_unavailable']);
  expect((await agent.session()).status).toBe(401);
  await site.close();
  // The first had a success already: what comes behind it takes it back.
  expect(first.kept.map(brief)).toEqual(['success', 'error: audit_unavailable']);
  expect(second.asked.map(brief)).toEqual(['success', 'error: audit_unavailable']);
  expect(second.kept.map(brief)).toEqual(['error: audit_unavailable']);
  expect(third.asked.map(brief)).toEqual(['error: audit_unavailable']);
  const [success, correction] = first.kept as [AttemptRecord, AttemptRecord];
  expect(correction.attempt.id).toBe(success.attempt.id);
  expect(correction.event.id > success.event.id).toBe(true);
  expect(site.records.at(-1)).toEqual(correction);
});

test('a fail_closed sink that hangs is given up, and the one behind it never hears of the success', async () => {
  const [hanging, last] = [ledger('hanging'), ledger('last')];
  // Whatever it says of itself: a sign-in waits for nothing without end.
  const site = await open({ audit: { sinks: [{ ...hanging.sink, settlesLate: true }, last.sink] } });
  const passkey = await site.agent().signUp('ada');
  last.asked.length = 0;
  let answer = () => {};
  hanging.state.answer = () =>
    new Promise<void>((resolve) => {
      answer = resolve;
    });
  const reply = await site.agent().signIn(passkey);
  expect(reply.status).toBe(503);
  // Now it answers after all, too late.
  hanging.state.answer = () => undefined;
  answer();
  await site.close();
  expect(last.asked.map(brief)).toEqual(['error: audit_unavailable']);
});

test('a change that is done already goes to every sink once, whoever of them fails', async () => {
  const [failing, behind] = [ledger('failing'), ledger('behind')];
  const site = await open({ audit: { sinks: [failing.sink, behind.sink] } });
  const agent = site.agent();
  await agent.signUp('ada');
  const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
  for (const { asked } of [failing, behind]) asked.length = 0;
  failing.state.answer = fail;
  const reply = await agent.request('PATCH', `/passkeys/credentials/${id}`, { nickname: 'a name of its own' });
  expect(reply.status).toBe(503);
  await site.close();
  for (const { asked } of [failing, behind]) {
    expect(asked.map(({ event }) => event.name)).toEqual(['latchkey.passkey.renamed']);
  }
  expect(site.records.at(-1)!.event.name).toBe('latchkey.passkey.renamed');
});

test('a store whose attempts hang costs records, which are counted, and neither sign-ins nor memory', async () => {
  const inner = memoryStore();
  const appends: number[] = [];
  const attempts: Store['attempts'] = {
    ...inner.attempts,
    append: () => {
      appends.push(performance.now());
      return new Promise(() => {});
    },
  };
  const site = await open({ storeTimeout: '100ms' }, () => ({ ...inner, attempts }));
  const agent = site.agent();
  for (let n = 0; n < 1_050; n += 50) {
    await Promise.all(Array.from({ length: 50 }, () => agent.post('/authentication/options', { mode: 'telepathy' })));
  }
  expect(site.records.length).toBe(1_050);
  // A thousand are under way at most, and each of them for 5 seconds: the next one waits for the first.
  expect(appends.length).toBeGreaterThanOrEqual(1_000);
  for (const [index, at] of appends.slice(1_000).entries()) expect(at - appends[index]!).toBeGreaterThan(4_900);
  const closing = performance.now();
  await site.close();
  // It does not wait for what will never come: 5 seconds are what closing waits at most, however many there are.
  expect(performance.now() - closing).toBeLessThan(5_500);
});
