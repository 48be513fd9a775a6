/**
 * A browser as far as HTTP goes: it keeps cookies, sends JSON from its own origin, and drives the routes with a software
 * passkey. It has no page and no DOM.
 */
import type { AuthenticationBend, RegistrationBend } from './passkey/bend.ts';
import { createSoftwarePasskey, type SoftwarePasskey } from './passkey/software-passkey.ts';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from './passkey/webauthn-json.ts';

/** An answer, read whole. `json` is the parsed body, or null where there is none. */
export interface Reply {
  /** The HTTP status. */
  readonly status: number;
  /** As `fetch` gives them. */
  readonly headers: Headers;
  /** The body as text; empty where there is none. */
  readonly text: string;
  /** The body, parsed, where its type is JSON; else null. */
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came and asserts on it.
  readonly json: any;
}

/** What `authentication/options` gives. */
export interface SignInOptions {
  /** Names the attempt in the verify. */
  readonly attemptId: string;
  /** How the browser is to be asked. */
  readonly mode: string;
  /** What the browser is given. */
  readonly publicKey: PublicKeyCredentialRequestOptionsJSON;
}

/** What a request has otherwise than by default. */
export interface RequestChange {
  /** Headers by name; `undefined` leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Sent as it is instead of JSON. */
  readonly rawBody?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
}

/** The page used Immediate UI mode, and says so. */
export const USED = { uiMode: 'immediate', immediateGet: true } as const;
/** The page did not. */
export const NOT_USED = { uiMode: 'none', immediateGet: true } as const;

/** A browser with cookies of its own at one site. */
export interface Agent {
  /** Cookies by name. */
  readonly cookies: Map<string, string>;
  /** A request to a path of the site, with this agent's cookies and origin. `body` is sent as JSON. */
  request(method: string, path: string, body?: unknown, change?: RequestChange): Promise<Reply>;
  /** A POST of JSON to one of our routes: `/authentication/options`, say. Default body: `{}`. */
  post(path: string, body?: unknown, change?: RequestChange): Promise<Reply>;
  /** A new account with a new passkey. Throws unless the answer is 201. */
  signUp(username: string, passkey?: SoftwarePasskey): Promise<SoftwarePasskey>;
  /** Asks for a sign-in's options. Default `{ mode: 'immediate' }`. Throws unless the answer is 200. */
  signInOptions(body?: object): Promise<SignInOptions>;
  /** Options, assertion, verify. `client` is what the page reports. */
  signIn(
    passkey: SoftwarePasskey,
    how?: { mode?: string; client?: unknown; bend?: AuthenticationBend },
  ): Promise<Reply>;
  /** Adds a passkey to whoever is signed in. */
  addPasskey(passkey: SoftwarePasskey, bend?: RegistrationBend): Promise<Reply>;
  /** Makes this passkey with an invitation. `token`: as `passkeys.invite` gave it. */
  useInvitation(passkey: SoftwarePasskey, token: string, bend?: RegistrationBend): Promise<Reply>;
  /** Confirms with this passkey, for an action or for none in particular: options, assertion, verify. */
  stepUp(passkey: SoftwarePasskey, action?: string): Promise<Reply>;
  /** 200 when signed in, 401 when not. */
  session(): Promise<Reply>;
}

/** A fresh browser at this site. `base` is where the routes are; `/passkeys` at the start of a path stands for it. */
export function createAgent(origin: string, base = '/passkeys'): Agent {
  const cookies = new Map<string, string>();

  async function request(method: string, path: string, body?: unknown, change: RequestChange = {}): Promise<Reply> {
    const headers = new Headers({ origin });
    if (cookies.size > 0) headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    const payload = change.rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
    if (payload !== undefined) headers.set('content-type', 'application/json');
    for (const [name, value] of Object.entries(change.headers ?? {})) {
      if (value === undefined) headers.delete(name);
      else headers.set(name, value);
    }
    const streaming = payload instanceof ReadableStream ? { duplex: 'half' as const } : {};
    const response = await fetch(new URL(path.replace(/^\/passkeys(?=\/|$)/, base), origin), {
      method,
      headers,
      redirect: 'manual',
      ...(payload !== undefined && { body: payload }),
      ...streaming,
    });
    for (const line of response.headers.getSetCookie()) keepCookie(cookies, line);
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, text, json: isJson && text ? JSON.parse(text) : null };
  }

  const post: Agent['post'] = (path, body = {}, change) => request('POST', `/passkeys${path}`, body, change);

  async function register(
    passkey: SoftwarePasskey,
    body: { readonly invitation?: string },
    bend?: RegistrationBend,
  ): Promise<Reply> {
    const options = await post('/registration/options', body);
    if (options.status !== 200) return options;
    const { attemptId, publicKey } = options.json as {
      attemptId: string;
      publicKey: PublicKeyCredentialCreationOptionsJSON;
    };
    const { invitation } = body;
    return post('/registration/verify', { attemptId, credential: passkey.register(publicKey, bend), invitation });
  }

  async function signInOptions(body: object = { mode: 'immediate' }): Promise<SignInOptions> {
    const reply = await post('/authentication/options', body);
    if (reply.status !== 200) throw new Error(`authentication/options answered ${reply.status} ${reply.text}`);
    return reply.json as SignInOptions;
  }

  return {
    cookies,
    request,
    post,
    signInOptions,
    async signUp(username, passkey = createSoftwarePasskey({ origin })) {
      const reply = await register(passkey, { username } as object);
      if (reply.status !== 201) throw new Error(`signing up answered ${reply.status} ${reply.text}`);
      return passkey;
    },
    async signIn(passkey, { mode = 'immediate', client = mode === 'immediate' ? USED : NOT_USED, bend } = {}) {
      const { attemptId, publicKey } = await signInOptions({ mode });
      const credential = passkey.authenticate(publicKey, bend);
      return post('/authentication/verify', { attemptId, credential, client });
    },
    addPasskey: (passkey, bend) => register(passkey, {}, bend),
    useInvitation: (passkey, token, bend) => register(passkey, { invitation: token }, bend),
    async stepUp(passkey, action) {
      const options = await post('/step-up/options', action === undefined ? {} : { action });
      if (options.status !== 200) return options;
      const { attemptId, publicKey } = options.json as SignInOptions;
      return post('/step-up/verify', { attemptId, credential: passkey.authenticate(publicKey) });
    },
    session: () => request('GET', '/passkeys/session'),
  };
}

function keepCookie(cookies: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';');
  const [name = '', ...value] = pair.split('=');
  const gone = attributes.some((attribute) => /^\s*(max-age=0|expires=Thu, 01 Jan 1970)/i.test(attribute));
  if (gone) cookies.delete(name);
  else cookies.set(name, value.join('='));
}
