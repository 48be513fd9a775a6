/**
 * Why this file exists: attempts of every kind over real HTTP, and every secret that passed in them: challenges, answers, credential
 * ids, handles, cookies, names, session ids. Nothing of it may be in a record.
 */
import { type Agent, createSoftwarePasskey, NOT_USED, type Site, USED } from '@latchkey/testing';

export interface Driver {
  /** Everything that must not be written anywhere. */
  readonly secrets: Set<string>;
  /** Runs about that many attempts, of all kinds in turn. */
  run(attempts: number): Promise<void>;
}

export interface Hands {
  /** Makes the site's store fail at its next call, where it can. */
  readonly breakStore?: () => void;
}

/** Each leaves one record more, or a few. */
type Kind = (agent: Agent) => Promise<void>;

export async function driverOf(site: Site, { breakStore }: Hands = {}): Promise<Driver> {
  const secrets = new Set<string>();
  listen(site.origin, secrets);
  const name = 'ada.lovelace@example.com';
  const passkey = await site.agent().signUp(name, createSoftwarePasskey({ origin: site.origin }));
  const nobodys = Buffer.alloc(32, 9).toString('base64url');
  secrets.add(name).add('a secret message of a DOMException');

  async function answerTo(agent: Agent, bend: object, client: unknown = USED, mode = 'immediate') {
    const { attemptId, publicKey } = await agent.signInOptions({ mode });
    return { attemptId, credential: passkey.authenticate(publicKey, bend), client };
  }

  async function signIn(agent: Agent, bend: object, client?: unknown, mode?: string) {
    const answer = await answerTo(agent, bend, client, mode);
    await agent.post('/authentication/verify', answer);
    return answer;
  }

  const kinds: Kind[] = [
    async (agent) => void (await signIn(agent, {})),
    async (agent) => void (await signIn(agent, {}, NOT_USED, 'modal')),
    async (agent) => void (await signIn(agent, { flags: { UP: false } })),
    async (agent) => void (await signIn(agent, { flags: { UV: false } })),
    async (agent) => void (await signIn(agent, { clientData: { challenge: 'another' } })),
    async (agent) => void (await signIn(agent, { clientData: { origin: 'https://evil.example' } })),
    async (agent) => void (await signIn(agent, { rpId: 'evil.example' })),
    async (agent) => void (await signIn(agent, { id: nobodys, rawId: nobodys })),
    // Taken twice: the second is an attempt of its own.
    async (agent) => void (await agent.post('/authentication/verify', await signIn(agent, {}))),
    async (agent) => {
      const { attemptId } = await agent.signInOptions();
      const errorName = 'NotAllowedError';
      await agent.post(`/attempts/${attemptId}/outcome`, { errorName, client: USED });
    },
    // Nobody answers: the sweep ends it.
    async (agent) => void (await agent.signInOptions()),
    // Another browser answers, and then the sweep ends it.
    async (agent) => void (await site.agent().post('/authentication/verify', await answerTo(agent, {}))),
    async (agent) => void (await agent.post('/authentication/verify', { attemptId: 5 })),
    async (agent) => void (await agent.post('/authentication/options', { mode: 'no such mode' })),
    async (agent) =>
      void (await agent.post('/authentication/options', {}, { headers: { origin: 'https://evil.example' } })),
    async (agent) => {
      await signIn(agent, {});
      await agent.stepUp(passkey, 'transfer');
    },
    // Where accounts are limited, the most of these are one record.
    async (agent) => {
      const identifier = 'someone.who.is.asked.for.too.often@example.com';
      secrets.add(identifier);
      for (let n = 0; n < 5; n += 1) await agent.post('/authentication/options', { mode: 'modal', identifier });
    },
    async (agent) => {
      const answer = await answerTo(agent, {});
      breakStore?.();
      await agent.post('/authentication/verify', answer);
    },
    async (agent) => {
      const answer = await answerTo(agent, {});
      site.clock.now += 121_000;
      await agent.post('/authentication/verify', answer);
    },
    async (agent) => {
      const username = `someone.${crypto.randomUUID()}@example.com`;
      secrets.add(username);
      await agent.signUp(username, createSoftwarePasskey({ origin: site.origin }));
      const [{ id }] = (await agent.request('GET', '/passkeys/credentials')).json.passkeys;
      await agent.request('PATCH', `/passkeys/credentials/${id}`, { nickname: 'a name of its own' });
      await agent.addPasskey(createSoftwarePasskey({ origin: site.origin }));
      await agent.request('DELETE', `/passkeys/credentials/${id}`);
    },
  ];

  return {
    secrets,
    async run(attempts) {
      const enough = site.records.length + attempts;
      for (let round = 0; site.records.length < enough; round += 1) {
        await kinds[round % kinds.length]!(site.agent());
        if (round % 30 === 29) {
          site.clock.now += 130_000;
          await site.passkeys.sweep();
        }
      }
      site.clock.now += 130_000;
      await site.passkeys.sweep();
    },
  };
}

/** Reads along what passes between this process and the site. */
function listen(origin: string, secrets: Set<string>): void {
  const { fetch } = globalThis;
  globalThis.fetch = async (url, init) => {
    const response = await fetch(url, init);
    if (!String(url).startsWith(origin)) return response;
    if (typeof init?.body === 'string') collect(JSON.parse(init.body), secrets);
    if (response.headers.get('content-type')?.includes('json')) collect(await response.clone().json(), secrets);
    for (const cookie of response.headers.getSetCookie()) {
      secrets.add(/=([^;]*)/.exec(cookie)![1]!);
    }
    return response;
  };
}

interface Ceremony {
  readonly publicKey?: {
    readonly challenge: string;
    readonly user?: { readonly id: string };
    readonly allowCredentials?: readonly { readonly id: string }[];
    readonly excludeCredentials?: readonly { readonly id: string }[];
  };
  readonly credential?: { readonly id: unknown; readonly response: Readonly<Record<string, unknown>> };
}

/** What of a request's or an answer's body is a secret, or somebody's. */
function collect({ publicKey, credential }: Ceremony, secrets: Set<string>): void {
  const { challenge, user, allowCredentials = [], excludeCredentials = [] } = publicKey ?? {};
  const ids = [...allowCredentials, ...excludeCredentials].map(({ id }) => id);
  const found = [challenge, user?.id, ...ids, credential?.id, ...Object.values(credential?.response ?? {})];
  for (const secret of found) if (typeof secret === 'string') secrets.add(secret);
}
