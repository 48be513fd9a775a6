/**
 * The pages, without a framework: what is at which path, who may see it, and what goes with every answer. The HTML is in
 * `pages/`, what the browser loads besides in `public/`; both are read once, at start.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import type { Enforcement, ImmediateMediation, PasskeySession, Passkeys } from '@latchkey/core';
import type { Settings } from './settings.ts';

export interface Page {
  readonly path: string;
  /** Only for people who are signed in: `html` is then handed who it is. */
  readonly guarded: boolean;
  html(visitor?: PasskeySession): string;
}

export interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly body: Buffer;
}

export interface Site {
  readonly pages: readonly Page[];
  /** For a path that is nobody's. */
  readonly notFound: string;
  /** For a fault of ours. */
  readonly wentWrong: string;
  /** What is at `/assets/NAME`. */
  readonly assets: ReadonlyMap<string, Asset>;
  /** For every answer of the application. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Where a guarded page sends a person who is not signed in. */
export const SIGN_IN_FIRST = '/sign-in?because=sign_in_first';

/** The one thing here that being signed in is not enough for: it wants a confirmation of its own, just before. */
export const PRIVATE_NOTE = {
  path: '/account/note',
  rule: { within: '1m', action: 'read-note' },
  answer: { note: 'The spare key is under the third flowerpot.' },
} as const;

/** Invites whoever is signed in to add a passkey on another device. It makes a key to the account: that is confirmed just before. */
export const INVITATION = { path: '/account/invitation', rule: { within: '1m', action: 'invite' } } as const;

/** The link that is shown: the token stands behind the #, which browsers send to no server. */
export async function invitationLink(passkeys: Passkeys, origin: string, userId: string): Promise<{ link: string }> {
  const { token } = await passkeys.invite(userId, {
    for: '10m',
    by: 'application',
    reason: 'asked for on the account page',
  });
  return { link: `${origin}/invited#invitation=${token}` };
}

/** The mail of whoever is signed in, as JSON. */
export const MAIL = '/account/mail';

const TYPES: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

export function buildSite({ immediate, framework, place, operator }: Settings, origin: string): Site {
  const everywhere = { origin, immediate, operator, framework: FRAMEWORKS[framework], kept: PLACES[place.kind] };
  const layout = read('pages/layout.html');
  const assets = new Map(
    readdirSync(new URL('../public', import.meta.url)).map((name) => [name, asset(`../public/${name}`)] as const),
  );
  // What whoever is sent a link sees of it first.
  assets.set('preview.png', asset('../../../docs/pictures/demo-sign-in.png'));

  function template(path: string, name: string): string {
    const html = read(`pages/${name}.html`)
      .replace('<latchkey-sign-in ', immediate === 'require' ? '<latchkey-sign-in one-click-only ' : '$&')
      .replace('{{onlyOneClick}}', immediate === 'require' ? read('pages/only-one-click.html') : '');
    const scripts = [
      ...(html.includes('<latchkey-') ? ['/passkeys/elements.js'] : []),
      ...(assets.has(`${name}.js`) ? [`/assets/${name}.js`] : []),
    ];
    const script = scripts.map((src) => `<script type="module" src="${src}"></script>`).join('\n');
    return layout
      .replace(`href="${path}"`, `href="${path}" aria-current="page"`)
      .replace('{{script}}', script)
      .replace('{{main}}', () => html);
  }

  function page(path: string, name: string, title: string, guarded = false): Page {
    const whole = template(path, name);
    return {
      path,
      guarded,
      html: (visitor) =>
        fill(visitor ? whole.replace('{{how}}', () => howIt(visitor, immediate)) : whole, {
          title,
          ...everywhere,
          ...(visitor && describe(visitor)),
        }),
    };
  }

  return {
    pages: [
      page('/', 'home', 'Sign in with one click'),
      page('/sign-in', 'sign-in', 'Sign in'),
      page('/sign-up', 'sign-up', 'Create an account'),
      page('/invited', 'invited', 'You are invited'),
      page('/account', 'account', 'Your account', true),
      page('/people', 'people', 'People', true),
    ],
    notFound: page('', 'not-found', 'Not found').html(),
    wentWrong: page('', 'went-wrong', 'Something went wrong').html(),
    assets,
    headers: headersFor(origin),
  };
}

/** Nothing from elsewhere, nothing inline, no HTML made from text; and passkeys only for this very page. */
function headersFor(origin: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'permissions-policy':
      'publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), geolocation=(), microphone=()',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...(origin.startsWith('https:') && { 'strict-transport-security': 'max-age=31536000' }),
  };
}

const FRAMEWORKS: Record<Settings['framework'], string> = { express: 'Express', koa: 'Koa', fastify: 'Fastify' };

const PLACES: Record<Settings['place']['kind'], string> = {
  memory: 'memory',
  sqlite: 'SQLite',
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
  redis: 'Redis',
};

/** The card that says how somebody came in: by making a passkey, which leads to the one click, or by a sign-in. */
const howIt = ({ enforcement }: PasskeySession, policy: ImmediateMediation) =>
  read(enforcement === 'not_applicable' && policy !== 'off' ? 'pages/how-new.html' : 'pages/how.html');

/** Who is signed in, when and how strongly, in words. */
function describe({ user, authenticatedAt, userVerified, enforcement }: PasskeySession) {
  return {
    userName: user.name,
    displayName: user.displayName ?? user.name,
    signedInAt: new Date(authenticatedAt).toISOString(),
    proofs: userVerified ? [...PRESENT, VERIFIED] : PRESENT,
    enforcement: enforcement.replace('_', ' '),
    enforcementInWords: ENFORCEMENT_IN_WORDS[enforcement],
  };
}

const PRESENT = ['The passkey signed: it is the one of this account.', 'Somebody was present.'];
const VERIFIED = 'Their device verified them, by PIN, fingerprint, face or the like.';

const ENFORCEMENT_IN_WORDS: Record<Enforcement, string> = {
  enforced:
    'This server asked for Immediate UI mode and verified signature, presence and verification itself; the page reported that it used the mode. No browser signs the mode, so that last part stays a claim.',
  not_enforced:
    'Immediate UI mode was not used: you came in by autofill or the full sheet. The policy here allows that, and what is proved is the same.',
  not_evaluated: 'Nothing was decided about Immediate UI mode.',
  not_applicable:
    'Immediate UI mode does not come into it: this session was made by creating a passkey, or the policy here is off.',
};

/** Puts values into `{{slots}}`, as text; several as the items of a list. */
function fill(html: string, values: Record<string, string | readonly string[]>): string {
  const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return html.replace(/\{\{(\w+)\}\}/g, (slot, name: string) => {
    if (!Object.hasOwn(values, name)) throw new Error(`Nothing to put into ${slot}`);
    const value = values[name]!;
    return typeof value === 'string' ? escaped(value) : value.map((item) => `<li>${escaped(item)}</li>`).join('');
  });
}

function asset(path: string): Asset {
  const body = readFileSync(new URL(path, import.meta.url));
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { type: TYPES[extname(path)] ?? 'application/octet-stream', etag, body };
}

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}
