// Plays the server's half of the HTTP contract for tests of the browser client: it scripts answers and keeps what it was
// asked. Nothing is verified here; the client and the browser are what is tested.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

// biome-ignore lint/suspicious/noExplicitAny: whatever the client sent, for a test to look into
export type Json = any;

export interface Call {
  route: string;
  body: Json;
  /** Options only: what was answered. */
  issued?: Json;
}

/** `hang` never answers; `delay` is in milliseconds. A body is JSON, and a problem of the server's with an error's status, unless `headers` say otherwise. */
export interface Reply {
  status?: number;
  body?: string | object;
  headers?: Record<string, string>;
  hang?: true;
  delay?: number;
}

export type PasskeyServer = Awaited<ReturnType<typeof startPasskeyServer>>;

const user = { id: 'user-1', name: 'ada', displayName: 'Ada' };
const passkey = { id: 'passkey-1', nickname: 'laptop', provider: null, createdAt: 1, lastUsedAt: null, enabled: true };
const session = {
  id: 'session-1',
  createdAt: 1,
  seenAt: 2,
  expiresAt: 3,
  passkey: { id: 'passkey-1', nickname: 'laptop' },
};
const userId = Buffer.from(user.name).toString('base64url');
const signals = {
  allAcceptedCredentials: { rpId: 'localhost', userId, allAcceptedCredentialIds: [] },
  currentUserDetails: { rpId: 'localhost', userId, name: user.name, displayName: user.displayName },
};

/** The browser client as it is shipped, built by the package's own configuration: from the sources, or where a mutant is tried from a copy. */
export async function buildClient(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-client-'));
  const tsup = fileURLToPath(new URL('../../node_modules/.bin/tsup', import.meta.url));
  const cwd = process.env.LATCHKEY_BROWSER ?? fileURLToPath(new URL('../../packages/browser', import.meta.url));
  await promisify(execFile)(tsup, ['--out-dir', folder], { cwd });
  const client = await readFile(join(folder, 'client.js'));
  await rm(folder, { recursive: true });
  return client;
}

export async function startPasskeyServer(clientModule: Buffer) {
  const calls: Call[] = [];
  const replies = new Map<string, Reply[]>();
  /** publicKey.timeout in milliseconds. */
  let timeout = 110_000;
  let publicKey: object = {};
  let mount = '/passkeys';
  let pageHeaders: Record<string, string> = {};
  let attempts = 0;
  let pending = 0;
  let mostPending = 0;

  const server = createServer(async (request, response) => {
    const path = request.url ?? '/';
    if (/^\/(\?|$)/.test(path)) return html(response, mount, pageHeaders);
    if (path.startsWith(`${mount}/client.js`) || path.startsWith('/assets/')) {
      response.writeHead(200, { 'content-type': 'text/javascript' }).end(clientModule);
      return;
    }
    if (!path.startsWith(`${mount}/`)) return response.writeHead(404).end();
    await answer(request, response, path.replace(mount, ''));
  });

  async function answer(request: IncomingMessage, response: ServerResponse, path: string) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const call: Call = { route: `${request.method} ${path}`, body: text ? JSON.parse(text) : undefined };
    calls.push(call);

    const queue = replies.get(call.route);
    const scripted = queue && queue.length > 1 ? queue.shift() : queue?.[0];
    const { status = 200, body, headers, hang, delay }: Reply = { ...play(call), ...scripted };
    if (path.endsWith('/options')) {
      mostPending = Math.max(mostPending, ++pending);
      if (!scripted?.body) call.issued = body;
    }
    if (delay) await new Promise((resolve) => setTimeout(resolve, delay));
    if (path.endsWith('/options')) pending -= 1;
    if (hang) return;
    const type = status < 400 ? 'application/json' : 'application/problem+json';
    response.writeHead(status, { 'content-type': type, ...headers });
    const problem = status >= 400 && !headers && { type: 'about:blank', title: 'No', status };
    response.end(typeof body === 'string' || body === undefined ? body : JSON.stringify({ ...problem, ...body }));
  }

  /** What the contract says when all is well. */
  function play({ route, body }: Call): Reply {
    switch (route) {
      case 'POST /authentication/options': {
        const mode = body.mode ?? (body.client?.immediateGet === false ? 'modal' : 'immediate');
        return {
          body: {
            ...opened(),
            mode,
            ...(mode === 'immediate' && { uiMode: 'immediate' }),
            ...(mode === 'conditional' && { mediation: 'conditional' }),
            publicKey: { ...requestOptions(), ...publicKey },
          },
        };
      }
      case 'POST /step-up/options':
        return { body: { ...opened(), mode: 'modal', publicKey: { ...requestOptions(), ...publicKey } } };
      case 'POST /registration/options':
        return {
          body: {
            ...opened(),
            ...(body.mediation && { mediation: body.mediation }),
            publicKey: { ...creationOptions(body.username ?? user.name), ...publicKey },
          },
        };
      case 'POST /authentication/verify':
        return { body: { user, passkey, attempt: { id: body.attemptId, mode: 'immediate', enforcement: 'enforced' } } };
      case 'POST /registration/verify':
        return { status: 201, body: { user, passkey } };
      case 'POST /offer':
        return { body: { offer: 'ask' } };
      case 'GET /signals':
        return { body: signals };
      case 'POST /step-up/verify':
        return { body: { steppedUpAt: 1, expiresAt: 2 } };
      case 'GET /credentials':
        return { body: { passkeys: [passkey] } };
      case 'PATCH /credentials/passkey-1':
        return { body: { ...passkey, ...body } };
      case 'DELETE /credentials/passkey-1':
        return { body: { signals } };
      case 'GET /sessions':
        return { body: { sessions: [{ ...session, address: '203.0.113.8', userAgent: 'Browser', current: true }] } };
      case 'DELETE /sessions/session-1':
      case 'DELETE /sessions':
      case 'DELETE /session':
      case 'DELETE /offer':
        return { status: 204 };
      default:
        return route.endsWith('/outcome') ? { status: 204 } : { status: 404, body: { code: 'not_found' } };
    }
  }

  const opened = () => ({ attemptId: `attempt-${++attempts}`, expiresAt: 0 });
  const challenge = () => randomBytes(32).toString('base64url');
  const requestOptions = () => ({
    challenge: challenge(),
    rpId: 'localhost',
    allowCredentials: [],
    userVerification: 'required',
    timeout,
  });
  const creationOptions = (name: string) => ({
    challenge: challenge(),
    rp: { id: 'localhost', name: 'Test' },
    user: { id: Buffer.from(name).toString('base64url'), name, displayName: name },
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    excludeCredentials: [],
    timeout,
  });

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  return {
    port,
    calls,
    /** The bodies that a route was sent, in order. `outcome` and `verify` stand for every route that ends so. */
    sent: (route: string): Json[] => calls.filter((call) => matches(route, call)).map((call) => call.body),
    issued: (): Json[] => calls.filter((call) => call.issued).map((call) => call.issued),
    mostPendingOptions: () => mostPending,
    /** Answers in this order; the last one stays. */
    script: (route: string, ...answers: Reply[]) => replies.set(route, answers),
    /** Where the routes are from now on. */
    mountAt: (path: string) => {
      mount = path;
    },
    /** Headers of the page from now on. */
    givePage: (headers: Record<string, string>) => {
      pageHeaders = headers;
    },
    /** Bends the options that are issued from now on. */
    issue: (bent: { timeout?: number; [member: string]: unknown }) => {
      timeout = bent.timeout ?? timeout;
      publicKey = bent;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function matches(route: string, call: Call): boolean {
  return call.route === route || call.route.endsWith(`/${route}`);
}

/** A page with a field, a button and two copies of the client module. */
function html(response: ServerResponse, mount: string, headers: Record<string, string>) {
  response.writeHead(200, { 'content-type': 'text/html', ...headers });
  response.end(`<!doctype html>
<input autocomplete="username webauthn"><button>Sign in</button>
<script type="module">
  import { createPasskeyClient, returnTo } from '${mount}/client.js';
  import { createPasskeyClient as createFromCopy } from '${mount}/client.js?copy';
  Object.assign(window, { createPasskeyClient, createFromCopy, returnTo });
</script>`);
}
