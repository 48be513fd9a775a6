/**
 * A thousand and some attempts of eight days, mixed as a site has them: real ceremonies of real passkeys, through core, with
 * addresses and browsers of their own. Each question of an analyst has its answer hidden in them.
 */
import type { AttemptRecord, Store } from '@latchkey/core';
import { createSoftwarePasskey, NOT_USED, type SoftwarePasskey, USED } from '@latchkey/testing';
import { type Browser, ORIGIN, openDirect } from '../security/direct.ts';

/** The identity key of `openDirect`. */
export const IDENTITY_KEY = 'a key for tests, and for tests only';

export const BROWSERS = {
  chrome:
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  edge: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0',
  safari:
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  curl: 'curl/8.9.1',
} as const;
type BrowserName = keyof typeof BROWSERS;

const APPLE = 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd';
const HOUR = 3_600_000;

export interface Attempts {
  readonly records: readonly AttemptRecord[];
  /** When the last of the eight days begins. */
  readonly lastDay: number;
  /** Ada's id, and her two passkeys as the store has them. */
  readonly ada: { readonly id: string; readonly phone: string; readonly key: string };
  /** Of the replay: the attempt that was answered twice, and the second answer's own. */
  readonly replay: { readonly first: string; readonly second: string };
  /** Ids of the users whom `require` turned away on the last day. */
  readonly hurt: readonly string[];
}

interface Person {
  readonly id: string;
  readonly passkey: SoftwarePasskey;
  readonly address: string;
  readonly browser: BrowserName;
}

/** Makes them, into this store. */
export async function makeAttempts(store: Store): Promise<Attempts> {
  const site = openDirect({ store });
  const strict = openDirect({ store, policy: { immediateMediation: 'require' } });
  const now = Date.now();
  const start = now - 8 * 24 * HOUR;
  const clocks = [site.clock, strict.clock];
  const at = (ms: number) => {
    for (const clock of clocks) clock.now = ms;
  };

  const send = (
    browser: Browser,
    path: string,
    body: object,
    { address, browser: name }: Pick<Person, 'address' | 'browser'>,
  ) => browser.send('POST', path, body, { address, headers: { 'user-agent': BROWSERS[name] } });

  async function signUp(
    name: string,
    passkey: SoftwarePasskey,
    from: Pick<Person, 'address' | 'browser'>,
  ): Promise<string> {
    const browser = site.browser();
    const { json } = await send(browser, '/registration/options', { username: name }, from);
    const credential = passkey.register(json.publicKey);
    const made = await send(browser, '/registration/verify', { attemptId: json.attemptId, credential }, from);
    if (made.status !== 201) throw new Error(`signing up answered ${made.status} ${made.text}`);
    const { id } = [...site.users.values()].find((user) => user.name === name)!;
    strict.users.set(id, site.users.get(id)!);
    return id;
  }

  async function signIn(
    { passkey, ...from }: Omit<Person, 'id'>,
    how: { modal?: boolean; unused?: boolean; at?: typeof site; cancel?: boolean; forged?: boolean } = {},
  ) {
    const { modal = false, unused = modal, cancel = false, forged = false, at: where = site } = how;
    const browser = where.browser();
    const { json } = await send(browser, '/authentication/options', { mode: modal ? 'modal' : 'immediate' }, from);
    const { attemptId, publicKey } = json;
    const client = unused ? NOT_USED : USED;
    if (cancel) {
      await send(browser, `/attempts/${attemptId}/outcome`, { errorName: 'NotAllowedError', client }, from);
      return { browser, body: null };
    }
    clockOn(clocks, 2_000);
    const bend = forged ? { signature: Buffer.alloc(70, 1) } : {};
    const body = { attemptId, credential: passkey.authenticate(publicKey, bend), client };
    await send(browser, '/authentication/verify', body, from);
    return { browser, body };
  }

  // Twenty people, and Ada with a phone and a security key.
  at(start);
  const people: Person[] = [];
  for (let n = 0; n < 20; n++) {
    const from = {
      address: `198.51.100.${n + 1}`,
      browser: (['chrome', 'edge', 'safari', 'firefox'] as const)[n % 4]!,
    };
    const passkey = createSoftwarePasskey({ origin: ORIGIN });
    people.push({ id: await signUp(`person ${n}`, passkey, from), passkey, ...from });
  }
  const home = { address: '203.0.113.7', browser: 'safari' } as const;
  const phone = createSoftwarePasskey({ origin: ORIGIN, aaguid: APPLE });
  const id = await signUp('ada', phone, home);
  const key = createSoftwarePasskey({
    origin: ORIGIN,
    signCount: 100,
    backupEligible: false,
    authenticatorAttachment: 'cross-platform',
  });
  const adding = site.browser();
  const first = (await send(adding, '/authentication/options', { mode: 'immediate' }, home)).json;
  const credential = phone.authenticate(first.publicKey);
  await send(adding, '/authentication/verify', { attemptId: first.attemptId, credential, client: USED }, home);
  const options = (await send(adding, '/registration/options', { nickname: 'Blue key' }, home)).json;
  const added = { attemptId: options.attemptId, credential: key.register(options.publicKey) };
  await send(adding, '/registration/verify', added, home);

  // A week of sign-ins: most succeed, some are cancelled.
  for (let n = 0; n < 640; n++) {
    at(start + HOUR + n * ((6.9 * 24 * HOUR) / 640));
    await signIn(people[n % 20]!, { modal: n % 5 === 0, cancel: n % 16 === 3 });
  }
  // Ada: at home with the phone, once at work with the key, and once somebody with a copy of the key.
  for (let day = 1; day < 7; day++) {
    at(start + day * 24 * HOUR + 8 * HOUR);
    await signIn({ passkey: phone, ...home });
  }
  at(start + 3 * 24 * HOUR + 12 * HOUR);
  await signIn({ passkey: key, address: '2001:db8:77:1::5', browser: 'edge' });
  const copy = key.clone({ signCount: 50 });
  at(start + 4 * 24 * HOUR);
  await signIn({ passkey: copy, address: '192.0.2.66', browser: 'firefox' });

  const lastDay = now - 24 * HOUR;
  // Somebody answers a challenge a second time, from elsewhere.
  at(lastDay + HOUR);
  const answered = await signIn({ passkey: phone, ...home });
  clockOn(clocks, 12_345);
  await send(answered.browser, '/authentication/verify', answered.body!, { address: '192.0.2.200', browser: 'curl' });
  const second = site.records.at(-1)!;

  // A wave from one network: passkeys that nobody registered, and forged signatures.
  at(lastDay + 5 * HOUR);
  for (let n = 0; n < 300; n++) {
    const passkey = createSoftwarePasskey({ origin: ORIGIN, rpId: 'localhost', userHandle: 'AAAA' });
    await signIn({ passkey, address: `2001:db8:bad:${(n % 50).toString(16)}::${n + 1}`, browser: 'curl' });
  }
  for (const { passkey } of people.slice(0, 6))
    await signIn({ passkey, address: '2001:db8:bad:7::1', browser: 'curl' }, { forged: true });

  // Policy becomes strict for an hour: who cannot do Immediate UI mode is refused.
  at(lastDay + 10 * HOUR);
  const hurt = people.slice(4, 9);
  for (const person of hurt) await signIn(person, { unused: true, at: strict });
  for (const person of people.slice(9, 15)) await signIn(person, { at: strict });

  await site.passkeys.close();
  await strict.passkeys.close();
  const faults = [...site.faults, ...strict.faults];
  if (faults.length > 0) throw new Error(`faults: ${JSON.stringify(faults[0])}`);
  const own = await store.passkeys.listByUser(id);
  const idOf = (passkey: SoftwarePasskey) =>
    own.find((one) => Buffer.from(one.credentialId).toString('base64url') === passkey.credentialId)!.id;
  return {
    records: [...site.records, ...strict.records],
    lastDay,
    ada: { id, phone: idOf(phone), key: idOf(key) },
    replay: { first: answered.body!.attemptId, second: second.attempt.id },
    hurt: hurt.map((person) => person.id),
  };
}

function clockOn(clocks: readonly { now: number }[], ms: number): void {
  for (const clock of clocks) clock.now += ms;
}
