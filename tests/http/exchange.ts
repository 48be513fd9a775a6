/** One conversation with a site, made comparable: what parity between frameworks, and between runtimes, is judged by. */
import { memoryStore } from '@latchkey/core';
import {
  type Agent,
  createSoftwarePasskey,
  type Mount,
  openSite,
  type Reply,
  type Site,
  USED,
  type World,
} from '@latchkey/testing';

const COMPARED = [
  'content-type',
  'cache-control',
  'x-content-type-options',
  'allow',
  'etag',
  'retry-after',
  'location',
];

/** An answer without what differs from run to run: ids, keys, challenges and the name of the client. */
function comparable(reply: Reply) {
  const steady = (text: string) =>
    text
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'a-uuid')
      .replace(/"[\w-]{43}"/g, '"32 bytes"')
      .replace(/latchkey=[\w-]{22}/, 'latchkey=16 bytes')
      // The runtime that asks is not the one that is compared.
      .replace(/"userAgent":("[^"]*"|null)/g, '"userAgent":"a browser"')
      .replace(/latchkey-session=[\w-]{43}/, 'latchkey-session=32 bytes');
  const length = reply.headers.get('content-length');
  return {
    status: reply.status,
    headers: Object.fromEntries(COMPARED.map((name) => [name, reply.headers.get(name)])),
    // How much longer than its body an answer says that it is: 0, or the length of a body that HEAD left out.
    longer: length === null ? null : Number(length) - Buffer.byteLength(reply.text),
    cookies: reply.headers.getSetCookie().map(steady),
    body: steady(reply.text),
  };
}

/** Every route, well and badly used. */
async function exchange(site: Site) {
  const replies: [string, ReturnType<typeof comparable>][] = [];
  const agent: Agent = site.agent();
  const say = async (name: string, reply: Promise<Reply>) => {
    const got = await reply;
    replies.push([name, comparable(got)]);
    return got;
  };
  const passkey = createSoftwarePasskey({ origin: site.origin });
  const registration = await say('registration options', agent.post('/registration/options', { username: 'ada' }));
  const { attemptId, publicKey } = registration.json;
  const credential = passkey.register(publicKey);
  await say('registration verify', agent.post('/registration/verify', { attemptId, credential }));
  await say('registration replay', agent.post('/registration/verify', { attemptId, credential }));
  await say('session', agent.request('GET', '/passkeys/session'));
  await say('session HEAD', agent.request('HEAD', '/passkeys/session'));
  await say('credentials', agent.request('GET', '/passkeys/credentials'));
  await say('signals', agent.request('GET', '/passkeys/signals'));
  const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
  await say('rename', agent.request('PATCH', `/passkeys/credentials/${id}`, { nickname: 'Büro 🔑' }));
  await say('last passkey', agent.request('DELETE', `/passkeys/credentials/${id}`));
  await say('last passkey, with a body', agent.request('DELETE', `/passkeys/credentials/${id}`, {}));
  await say('not one’s own', agent.request('DELETE', '/passkeys/credentials/other'));
  await say('step-up', agent.stepUp(passkey, 'transfer'));
  await say('sign-in', agent.signIn(passkey));
  await say('sign-in, badly', agent.signIn(passkey, { bend: { flags: { UV: false } } }));
  for (const mode of ['immediate', 'conditional', 'modal']) {
    await say(`options ${mode}`, agent.post('/authentication/options', { mode }));
  }
  await say('options for a name', agent.post('/authentication/options', { mode: 'modal', identifier: 'nobody' }));
  await say('verify without an attempt', agent.post('/authentication/verify', { credential: {}, client: USED }));
  await say('outcome', agent.post('/attempts/x/outcome', { errorName: 'AbortError' }));
  await say('outcome, badly', agent.post('/attempts/x/outcome', {}));
  await say('other origin', agent.post('/authentication/options', {}, { headers: { origin: 'https://evil.example' } }));
  await say('other type', agent.post('/authentication/options', {}, { headers: { 'content-type': 'text/plain' } }));
  await say('too large', agent.post('/authentication/options', { pad: 'x'.repeat(70_000) }));
  await say(
    'compressed',
    agent.post('/authentication/verify', {}, { headers: { 'content-encoding': 'compress' } }).catch(notCompared),
  );
  await say(
    'empty body',
    agent.post('/authentication/options', undefined, { rawBody: '', headers: { 'content-type': 'application/json' } }),
  );
  await say('unknown path', agent.request('GET', '/passkeys/nowhere'));
  await say('mount path', agent.request('GET', '/passkeys'));
  await say('unknown method', agent.request('PUT', '/passkeys/session', {}));
  await say('OPTIONS', agent.request('OPTIONS', '/passkeys/authentication/options'));
  await say('client', agent.request('GET', '/passkeys/client.js'));
  await say('elements', agent.request('GET', '/passkeys/elements.js'));
  await say('elements, sign-in alone', agent.request('GET', '/passkeys/elements/sign-in.js'));
  await say('elements, a language that is not there', agent.request('GET', '/passkeys/elements/tlh.js'));
  await say('sessions', agent.request('GET', '/passkeys/sessions'));
  await say('activity', agent.request('GET', '/passkeys/activity'));
  await say('end a session that is not there', agent.request('DELETE', '/passkeys/sessions/other'));
  await say('end all other sessions', agent.request('DELETE', '/passkeys/sessions'));
  await say('offer', agent.post('/offer'));
  await say('offer, not now', agent.request('DELETE', '/passkeys/offer'));
  await say('sign out', agent.request('DELETE', '/passkeys/session'));
  await say('guarded, signed out', agent.request('GET', '/guarded'));
  await say('redirected', agent.request('GET', '/page'));
  await say('well-known', agent.request('GET', '/.well-known/passkey-endpoints'));
  return replies;
}

const notCompared = (): never => {
  throw new Error('the server hung up');
};

/** Every answer of a fresh site behind this mount, by what was asked. */
export async function exchangeOn(mount: Mount, onRecord?: World['onRecord']) {
  const site = await openSite(
    { mount, store: memoryStore, ...(onRecord && { onRecord }) },
    { clock: () => 1_800_000_000_000, audit: { identityKey: 'the same on every framework, always' } },
  );
  try {
    return await exchange(site);
  } finally {
    await site.close();
  }
}
