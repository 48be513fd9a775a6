/** A record in sentences: what was claimed is never among what was proved, and nobody is named. */
import { type AttemptRecord, explain, memoryStore, REASON_MEANINGS, REASONS } from '@latchkey/core';
import { httpContract, openSite, type Site, type SiteOptions, USED } from '@latchkey/testing';
import { describe, expect, test } from 'vitest';
import { mounts } from '../http/mounts.ts';

const open = (options?: SiteOptions) => openSite({ mount: mounts['Express 5'], store: memoryStore }, options);
const last = ({ records }: Site) => explain(records.at(-1)!);
const startingWith = (...beginnings: string[]) =>
  expect.arrayContaining(beginnings.map((words) => expect.stringMatching(new RegExp(`^${words}`))));

test('every reason says what it means and what to do, each in words of its own', () => {
  expect(Object.keys(REASON_MEANINGS).sort()).toEqual([...REASONS].sort());
  const sentences = Object.values(REASON_MEANINGS).flatMap(({ meaning, advice }) => [meaning, advice]);
  for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].{20,}\.$/);
  expect(new Set(sentences).size).toBe(sentences.length);
});

test('a reason of a later version is named, and said to be unknown', async () => {
  const site = await open();
  await site.agent().post('/authentication/options', { mode: 'telepathy' });
  const later = { ...site.records.at(-1)!, reason: 'a_reason_of_tomorrow' } as unknown as AttemptRecord;
  expect(explain(later).failed).toMatchObject({
    reason: 'a_reason_of_tomorrow',
    meaning: 'This version of Latchkey does not know the reason.',
  });
  await site.close();
});

test('an enforced sign-in: asked, claimed, proved, and what no server can prove', async () => {
  const site = await open();
  const passkey = await site.agent().signUp('ada');
  const agent = site.agent();
  const { attemptId, publicKey } = await agent.signInOptions();
  site.clock.now += 1_500;
  const credential = passkey.authenticate(publicKey);
  await agent.post('/authentication/verify', { attemptId, credential, client: USED });
  expect(last(site)).toEqual({
    verdict: expect.stringMatching(
      /^Sign-in succeeded; immediate mediation enforced\. Enforced means: .*used the mode\.$/,
    ),
    asked: [
      'Immediate UI mode: a passkey that is there already, whoever it belongs to.',
      'One answer, from this browser, within 120 s.',
      'Policy prefer: Immediate UI mode where the browser can, other ways too.',
      'User presence always; user verification required.',
    ],
    claimed: startingWith('The page says that it used Immediate UI mode. Nothing signs that', 'The browser says'),
    proved: startingWith(
      'The challenge: this server’s, taken once, in time, 1.5 s after',
      'The browser: the one',
      'The signature: made with the private key',
      `The origin: the browser signed ${site.origin}, for RP ID localhost`,
      'A page of its own',
      'User presence',
      'User verification',
    ),
    unproved: startingWith('That the passkey was never copied', 'Which device', 'That Immediate UI mode was used'),
    failed: null,
  });
  await site.close();
});

test('what was not enforced says why, and under report what require would have done', async () => {
  const site = await open({ policy: { immediateMediation: 'report' } });
  const passkey = await site.agent().signUp('ada');
  await site.agent().signIn(passkey, { mode: 'modal' });
  expect(last(site)).toMatchObject({
    verdict: expect.stringMatching(/Immediate UI mode was not asked for.*Policy require would have refused it\.$/),
    failed: null,
  });
  await site.close();
});

test('a refusal says which rule, what it means and what to do; what was proved before stays proved', async () => {
  const site = await open();
  const passkey = await site.agent().signUp('ada');
  await site.agent().signIn(passkey, { bend: { flags: { UV: false } } });
  expect(last(site)).toMatchObject({
    proved: startingWith('The signature', 'User presence'),
    unproved: startingWith('User verification'),
    failed: {
      rule: 'user_verification',
      reason: 'user_verification_missing',
      source: 'server',
      ...REASON_MEANINGS.user_verification_missing,
    },
  });
  await site.agent().signIn(passkey, { bend: { signature: (bytes) => bytes.map((byte) => byte ^ 1) } });
  const { proved, unproved } = last(site);
  expect(proved).toEqual(startingWith('The challenge'));
  expect(proved).toHaveLength(2);
  expect(unproved).toEqual(startingWith('The signature'));
  await site.close();
});

test('a challenge of another relying party was taken, and is not proved to be this one’s', async () => {
  const site = await open();
  await site.agent().signIn(await site.agent().signUp('ada'), { bend: { flags: { UV: false } } });
  const { proved, unproved } = explain({ ...site.records.at(-1)!, reason: 'challenge_mismatch' });
  expect(proved).not.toEqual(startingWith('The challenge'));
  expect(unproved).toEqual(startingWith('The challenge: of another relying party'));
  await site.close();
});

test('what the page reports is a claim, and so is how it ended', async () => {
  const site = await open();
  const agent = site.agent();
  const { attemptId } = await agent.signInOptions();
  await agent.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError', client: USED });
  expect(last(site)).toMatchObject({
    claimed: startingWith('The page says that it ended there: client not allowed'),
    unproved: startingWith('Who it was'),
    failed: { source: 'client_report' },
  });
  await site.close();
});

test('a registration proves no presence yet, and a change is no ceremony', async () => {
  const site = await open();
  await site.agent().signUp('ada');
  const [registration, added] = site.records.map(explain);
  expect(registration).toMatchObject({
    asked: startingWith('A new passkey'),
    claimed: [expect.stringMatching(/^The browser says/)],
    unproved: startingWith('Presence and verification', 'The make of the authenticator'),
  });
  expect(registration!.proved).toHaveLength(2);
  expect(added).toMatchObject({
    asked: startingWith('No challenge of its own'),
    claimed: [],
    proved: [],
    unproved: [],
  });
  await site.close();
});

/** The HTTP contract makes every kind of record there is; none may be explained as more than it says. */
describe('of each record that the HTTP contract leaves', () => {
  function check(record: AttemptRecord): void {
    const { verdict, asked, claimed, proved, unproved, failed } = explain(record);
    const all = [verdict, ...asked, ...claimed, ...proved, ...unproved].join('\n');
    const signed = record.assertion.signature === 'valid';
    expect(/^User presence/m.test(proved.join('\n')), all).toBe(signed && record.assertion.userPresent === true);
    expect(/^The (signature|origin)/m.test(proved.join('\n')), all).toBe(signed);
    expect(proved.join('\n')).not.toContain('mode');
    expect(
      unproved.some((one) => one.includes('no browser signs')),
      all,
    ).toBe(record.immediate.requested);
    expect(asked.length, all).toBeGreaterThan(0);
    expect(failed === null, all).toBe(record.outcome === 'success');
    expect(all).not.toMatch(/undefined|null|NaN|\[object/);
    const { user, client, credential } = record;
    for (const identity of [user.id, user.hash, client.address, client.userAgent, credential.ref]) {
      if (identity) expect(all).not.toContain(identity);
    }
  }
  for (const { name, check: rule } of httpContract) {
    test(name, () => rule({ mount: mounts['Express 5'], store: memoryStore, onRecord: check }));
  }
});

test('an answer from somebody else’s page says whose, as a claim and in one line', async () => {
  const site = await open();
  const passkey = await site.agent().signUp('ada');
  const origin = 'https://evil.example\n<script>';
  await site.agent().signIn(passkey, { bend: { clientData: { origin } } });
  expect(site.records.at(-1)!.rp.origin).toBe('https://evil.example\\u000a<script>');
  const { claimed, proved } = last(site);
  expect(claimed).toContain(
    'The browser’s answer comes from https://evil.example\\u000a<script>, which is not listed.',
  );
  expect(proved.join()).not.toContain('evil');
  await site.close();
});
