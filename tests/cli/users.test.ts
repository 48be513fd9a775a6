/**
 * `latchkey users` as a help desk uses it: a lost phone is removed from the command line, the sessions it made are dead, the record
 * says who and why, and a forgotten person is gone.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chained, fileSink } from '@latchkey/audit';
import type { AttemptRecord } from '@latchkey/core';
import { createSoftwarePasskey, openSite } from '@latchkey/testing';
import { expect, onTestFinished, test } from 'vitest';
import { LATCHKEY } from '../../scripts/test/command-line.ts';
import { recordOf } from '../audit/records.ts';
import { mounts } from '../http/mounts.ts';
import { collect, folder, latchkey, latchkeyJson } from './latchkey.ts';
import { place } from './stores.ts';

const ENV = { LATCHKEY_IDENTITY_KEY: 'a key for tests, and for tests only' };
const WHY = ['--reason', 'lost phone, ticket 4711', '--yes'];

/** A person with two passkeys, each with a session, and somebody else. */
async function open(kind: 'SQLite' | 'Redis') {
  const { at, store, migrate } = place(kind);
  await migrate();
  const site = await openSite({ mount: mounts['Express 5'], store: () => store });
  const browser = site.agent();
  await browser.signUp('ada');
  const phone = createSoftwarePasskey({ origin: site.origin });
  // Lists are in the order of age.
  site.clock.now += 1;
  await browser.addPasskey(phone);
  const other = site.agent();
  await other.signIn(phone);
  const bob = site.agent();
  await bob.signUp('bob');
  const [userId] = [...site.accounts.keys()];
  const run = (verb: string, ...args: string[]) =>
    latchkeyJson(['users', verb, '--user', userId!, ...args, ...at], ENV);
  const live = async () => {
    // As long as a process believes what it has read.
    site.clock.now += 60_000;
    return (await Promise.all([browser, other, bob].map((each) => each.session()))).map(({ status }) => status);
  };
  const operators = async () =>
    (await store.attempts.list({ limit: 100 }))
      .filter(({ change }) => change.by === 'operator')
      .map(({ event, change, session, user }) => [event.name, change.note, session.endedBecause, user.id])
      .reverse();
  return { at, store, site, browser, other, phone, userId: userId!, run, live, operators };
}

test.each(['SQLite', 'Redis'] as const)('a lost phone, in %s', async (kind) => {
  const { site, store, other, phone, userId, run, live, operators } = await open(kind);
  const { id } = (await other.session()).json.passkey;
  const shown = await run('show');
  expect(shown).toMatchObject({ code: 0, json: { user: userId, passkeys: [{}, { id }], sessions: [{}, {}] } });
  expect(shown.json.passkeys[1].ref).toMatch(/^hmac-sha256:\w{8}:/);

  const log = join(folder(), 'operators.log');
  expect(await run('disable', '--passkey', id, '--log', log, ...WHY)).toMatchObject({
    code: 0,
    json: { user: userId, passkeys: 1 },
  });
  expect(await live()).toEqual([200, 401, 200]);
  expect((await site.agent().signIn(phone)).status).toBe(401);
  expect(await operators()).toEqual([
    ['latchkey.passkey.disabled', 'lost phone, ticket 4711', null, userId],
    ['latchkey.session.ended', 'lost phone, ticket 4711', 'passkey_disabled', userId],
  ]);
  const listed = await latchkey(['attempts', 'list', '--log', log, '--json'], ENV);
  const written = listed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AttemptRecord);
  expect(written.map(({ event }) => event.name).sort()).toEqual([
    'latchkey.passkey.disabled',
    'latchkey.session.ended',
  ]);
  expect(new Set(written.map(({ credential }) => credential.ref))).toContain(shown.json.passkeys[1].ref);

  expect(await run('enable', '--passkey', id, ...WHY)).toMatchObject({ code: 0, json: { passkeys: 1 } });
  expect((await other.signIn(phone)).status).toBe(200);
  expect(await run('remove', '--passkey', id, ...WHY)).toMatchObject({ code: 0, json: { passkeys: 1 } });
  expect(await run('remove', '--passkey', id, ...WHY)).toMatchObject({ code: 1, json: { passkeys: 0 } });
  expect(await run('end-sessions', ...WHY)).toMatchObject({ code: 0, json: { sessions: 1 } });
  expect(await live()).toEqual([401, 401, 200]);
  expect(await run('forget', ...WHY)).toMatchObject({ code: 0, json: { passkeys: 1, sessions: 0 } });
  expect(await store.attempts.list({ userId, limit: 100 })).toEqual([]);
  expect((await operators()).at(-1)).toEqual(['latchkey.user.forgotten', 'lost phone, ticket 4711', null, null]);
  expect(await run('show')).toMatchObject({ code: 1, json: { passkeys: [], sessions: [] } });
  expect(await live()).toEqual([401, 401, 200]);
  await site.close();
});

test.each(['SQLite', 'Redis'] as const)('a lost phone, by invitation, in %s', async (kind) => {
  const { at, site, store, other, phone, userId, run, live, operators } = await open(kind);
  const from = site.records.length;
  expect((await run('end-invitations', ...WHY)).code).toBe(1);
  const log = join(folder(), 'operators.log');
  const invited = await run('invite', '--for', '30m', '--replaces-all', '--log', log, ...WHY);
  expect(invited).toMatchObject({
    code: 0,
    json: { user: userId, token: expect.stringMatching(/^(\w{4}-){6}\w{4}$/) },
  });
  const { id, token } = invited.json;
  expect((await run('show')).json.invitations).toMatchObject([{ id, opened: false, replacesAll: true }]);

  // The person opens the link in a browser of the new phone. Whoever else has the link comes too late.
  const browser = site.agent();
  const found = createSoftwarePasskey({ origin: site.origin });
  const options = await browser.post('/registration/options', { invitation: token });
  expect((await site.agent().post('/registration/options', { invitation: token })).json.code).toBe(
    'invitation_other_browser',
  );
  const credential = found.register(options.json.publicKey);
  const { attemptId } = options.json;
  const made = await browser.post('/registration/verify', { attemptId, credential, invitation: token });
  expect([made.status, (await browser.session()).status]).toEqual([201, 401]);

  // The lost phone is out, and so is every session there was.
  expect(await live()).toEqual([401, 401, 200]);
  expect((await other.signIn(phone)).json.code).toBe('authentication_failed');
  expect((await browser.signIn(found)).status).toBe(200);
  expect((await run('show')).json).toMatchObject({ passkeys: [{}], sessions: [{}], invitations: [] });

  // Each step is in the record, from the issue on, and leads back to it.
  const steps = site.records.slice(from).map(({ event, outcome, reason, attempt, user }) => ({
    step: [event.name.replace('latchkey.', ''), outcome, reason],
    leadsTo: attempt.relatedId,
    user: user.id,
  }));
  expect(await operators()).toEqual([['latchkey.invitation.issued', 'lost phone, ticket 4711', null, userId]]);
  expect(steps.filter(({ leadsTo }) => leadsTo === id).map(({ step }) => step)).toEqual([
    ['registration.attempt', 'failure', 'invitation_other_browser'],
    ['registration.attempt', 'success', null],
    ['invitation.used', 'success', null],
  ]);
  const byAttempt = steps.filter(({ leadsTo }) => leadsTo === attemptId).map(({ step }) => step[0]);
  expect(byAttempt.sort()).toEqual(['passkey.added', 'passkey.removed', 'passkey.removed']);
  expect(steps.filter(({ step }) => step[0] === 'session.ended')).toHaveLength(2);
  const issued = (await latchkey(['attempts', 'list', '--log', log, '--json'], ENV)).stdout;
  expect(JSON.parse(issued)).toMatchObject({ attempt: { id }, event: { name: 'latchkey.invitation.issued' } });
  // The token is in none of it.
  const all = JSON.stringify([site.records, await store.attempts.list({ limit: 100 }), issued]);
  expect(all).not.toContain(token);
  expect(all).not.toContain(token.replaceAll('-', ''));

  // Another is revoked by a newer one, and that one by hand.
  const { token: second } = (await run('invite', ...WHY)).json;
  await run('invite', ...WHY);
  expect((await site.agent().post('/registration/options', { invitation: second })).json.code).toBe(
    'invitation_invalid',
  );
  expect(await run('end-invitations', ...WHY)).toMatchObject({ code: 0, json: { invitations: 1 } });
  expect((await run('forget', ...WHY)).code).toBe(0);

  // Wrong command lines, and a new employee, who has nothing yet.
  const invite = ['users', 'invite', '--user', 'new', ...at];
  expect((await latchkey([...invite, '--reason', 'x'], ENV)).code).toBe(2);
  expect((await latchkey([...invite, ...WHY], ENV)).stderr).toContain('has nothing here yet: say with --rp-id');
  const tooLong = await latchkey([...invite, ...WHY, '--rp-id', 'localhost', '--for', '25h'], ENV);
  expect(tooLong).toMatchObject({ code: 2, stderr: expect.stringContaining('--for: Write a duration') });
  const plain = await latchkey([...invite, ...WHY, '--rp-id', 'localhost'], ENV);
  expect([plain.code, plain.stdout.match(/(\w{4}-){6}\w{4}/g)]).toEqual([0, [expect.any(String)]]);
  site.accounts.set('new', { id: 'new', name: 'new', active: true });
  const employee = await site.agent().useInvitation(found, plain.stdout.match(/(\w{4}-){6}\w{4}/)![0]);
  expect([employee.status, employee.json.user.id]).toEqual([201, 'new']);
  await site.close();
});

test('nothing is changed where nobody confirms, no reason is given, or the record would break a chain', async () => {
  const { site, at, userId, live, store, run } = await open('SQLite');
  const remove = ['users', 'remove', '--user', userId, ...at];
  const asked = await latchkey([...remove, '--reason', 'x'], ENV);
  expect(asked).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/every session ends\. Nobody can be asked here: add --yes\.\n$/),
  });
  expect((await latchkey([...remove, '--yes'], ENV)).code).toBe(2);
  expect((await latchkey([...remove, '--reason', ' ', '--yes'], ENV)).code).toBe(2);
  const log = join(folder(), 'sign-ins.log');
  const chain = chained(fileSink({ path: log, fsync: 'never' }), {
    keys: { current: 'k1', byId: { k1: 'a key of a chain, only for tests, truly' } },
  });
  await chain.write(recordOf(0));
  await chain.close();
  expect(await latchkey([...remove, ...WHY, '--log', log], ENV)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is a chained log'),
  });
  expect(await store.passkeys.listByUser(userId)).toHaveLength(2);
  expect(await live()).toEqual([200, 200, 200]);
  // A change that cannot be recorded everywhere says so.
  const blocked = join(folder(), 'a-file');
  writeFileSync(blocked, '');
  const { code, stderr } = await latchkey([...remove, ...WHY, '--log', join(blocked, 'operators.log')], ENV);
  expect({ code, stderr }).toMatchObject({ code: expect.any(Number), stderr: expect.stringContaining(blocked) });
  expect(code).not.toBe(0);
  expect(existsSync(join(blocked, 'operators.log'))).toBe(false);
  expect((await run('show')).code).toBe(0);
  await site.close();
});

/** Runs it on a terminal, and types this when it asks. */
async function onTerminal(args: readonly string[], typed: string) {
  const command = [process.execPath, LATCHKEY, ...args].join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], { env: { PATH: process.env.PATH, ...ENV } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const shown = collect(child.stdout);
  const closed = once(child, 'close');
  while (!shown().includes('Write yes to go on: ')) await once(child.stdout, 'data');
  child.stdin.write(typed);
  const [code] = await closed;
  return { code, shown: shown() };
}

test.each([
  ['no', 'no\r', 2, 3],
  ['Ctrl-D', '\u0004', 2, 3],
  ['Ctrl-C', '\u0003', 130, 3],
  ['yes', 'yes\r', 0, 2],
])('on a terminal it asks, and %s is understood', async (_, typed, code, left) => {
  const { at, store, migrate } = place('SQLite');
  await migrate();
  for (let n = 0; n < 3; n += 1) await store.attempts.append(recordOf(n));
  const ran = await onTerminal(['erase', '--user', '"user 1"', ...at], typed);
  expect(ran, ran.shown).toMatchObject({
    code,
    shown: expect.stringContaining('Every record of user user 1 is erased'),
  });
  expect(await store.attempts.list({ limit: 10 })).toHaveLength(left);
});
