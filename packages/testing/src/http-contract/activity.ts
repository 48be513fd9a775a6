/** The rules about a person's own recent sign-ins: which ones they are shown, and whose they never are. */
import assert from 'node:assert/strict';
import { memoryStore } from '@latchkey/core';
import type { Agent } from '../agent.ts';
import { createSoftwarePasskey } from '../passkey/software-passkey.ts';
import { openSite, type Site } from '../site.ts';
import { assertProblem, type HttpRule, idOfOther, rule } from './rule.ts';

const activityOf = async (agent: Agent) => (await agent.request('GET', '/passkeys/activity')).json.activity;
const outcomesOf = async (agent: Agent) => (await activityOf(agent)).map(({ outcome }: { outcome: string }) => outcome);

/** A rule about a site that keeps records where they can be read at once. */
function keptRule(name: string, check: (site: Site) => Promise<void>): HttpRule {
  return {
    name,
    check: (world) =>
      rule(name, check).check({
        ...world,
        store: async () => ({ ...(await world.store()), attempts: memoryStore().attempts }),
      }),
  };
}

export const activityRules: readonly HttpRule[] = [
  keptRule('lists one’s own sign-ins, newest first, and nobody else’s', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const eve = site.agent();
    const eves = await eve.signUp('eve');
    assert.deepEqual(await activityOf(agent), []);
    await eve.signIn(eves);
    const first = site.clock.now;
    await site.agent().signIn(passkey);
    site.clock.now += 60_000;
    await agent.signIn(passkey);
    const [newest, oldest, ...more] = await activityOf(agent);
    assert.deepEqual(more, []);
    const { address, userAgent, ...told } = newest;
    const [own] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
    const ofPasskey = { id: own.id, nickname: own.nickname };
    const { attempt, client } = site.records.findLast(({ event }) => event.name === 'latchkey.signin.attempt')!;
    assert.deepEqual(told, {
      id: attempt.id,
      at: site.clock.now,
      outcome: 'success',
      passkey: ofPasskey,
      current: true,
    });
    assert.deepEqual([address, userAgent], [client.address, client.userAgent]);
    assert.deepEqual([oldest.at, oldest.current, oldest.passkey], [first, false, ofPasskey]);
    assert.equal((await activityOf(eve)).length, 1);
  }),

  keptRule('shows a sign-in that was refused although a passkey proved it, and of strangers nothing', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    await agent.signIn(passkey);
    const refused = await site.agent().signIn(passkey, { bend: { flags: { UV: false } } });
    assert.equal(refused.status, 401);
    assert.deepEqual(await outcomesOf(agent), ['failure', 'success']);
    // Whoever knows the name of ada, or the id of her passkey, has an address and a browser of their own.
    const stranger = site.agent();
    const { attemptId } = await stranger.signInOptions({ mode: 'modal', identifier: 'ada' });
    await stranger.post(`/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError' });
    const forged = await stranger.signIn(passkey, { bend: { signature: (bytes) => Buffer.alloc(bytes.length, 1) } });
    assert.equal(forged.status, 401);
    assert.equal(site.records.at(-1)!.reason, 'signature_invalid');
    assert.deepEqual(await outcomesOf(agent), ['failure', 'success']);
  }),

  keptRule('shows at most twenty, and names no passkey that is gone', async (site) => {
    const agent = site.agent();
    const passkey = await agent.signUp('ada');
    const second = createSoftwarePasskey({ origin: site.origin });
    await agent.addPasskey(second);
    for (let signIns = 0; signIns < 20; signIns += 1) await site.agent().signIn(passkey);
    await site.agent().signIn(second);
    const shown = await activityOf(agent);
    assert.equal(shown.length, 20);
    const id = await idOfOther(agent);
    assert.equal(shown[0].passkey.id, id);
    assert.equal((await agent.request('DELETE', `/passkeys/credentials/${id}`)).status, 200);
    assert.equal((await activityOf(agent))[0].passkey, null);
  }),

  {
    name: 'has no sign-ins to show where no records are kept',
    async check(world) {
      const site = await openSite({
        ...world,
        store: async () => {
          const { attempts: _, ...store } = await world.store();
          return store;
        },
      });
      try {
        const agent = site.agent();
        assertProblem(await agent.request('GET', '/passkeys/activity'), 401, 'sign_in_required');
        await agent.signUp('ada');
        assertProblem(await agent.request('GET', '/passkeys/activity'), 404, 'not_found');
      } finally {
        await site.close();
      }
    },
  },
];
