/**
 * The new files: what the guides say, in the application's own language. Each is written once as TypeScript with imports; what
 * only TypeScript has stands between « and », and require() is made of the imports.
 */
import { posix } from 'node:path';
import { type Application, besideEntry, type Framework } from './application.ts';
import { BRIDGES } from './bridges.ts';
import { STORES } from './stores.ts';

export interface NewFile {
  /** Below the application's folder. */
  readonly path: string;
  readonly text: string;
}

interface Adapter {
  readonly adapter: string;
  readonly make: string;
  /** The type of what the framework hands over, and what it is called. */
  readonly request: string;
  readonly called: string;
  readonly exports: string;
}

export const ADAPTERS: Readonly<Record<Framework, Adapter>> = {
  express: {
    adapter: '@latchkey/express',
    make: 'expressPasskeys',
    request: 'Request',
    called: 'req',
    exports: '{ routes, wellKnown, requireSignIn, requireStepUp, signOut }',
  },
  koa: {
    adapter: '@latchkey/koa',
    make: 'koaPasskeys',
    request: 'Context',
    called: 'ctx',
    exports: '{ routes, wellKnown, requireSignIn, requireStepUp, signOut }',
  },
  fastify: {
    adapter: '@latchkey/fastify',
    make: 'fastifyPasskeys',
    request: 'FastifyRequest',
    called: 'request',
    exports: 'passkeysPlugin',
  },
};

/** The two files, whose names begin with `name`. */
export function newFiles(application: Application, name: string): readonly [passkeys: NewFile, store: NewFile] {
  const path = (file: string) => posix.join(besideEntry(application), `${file}.${application.extension}`);
  const passkeys = application.session ? besidePasswords(application, name) : forNewAccounts(application, name);
  const store = `/** Where passkeys, sessions and challenges are kept. \`latchkey init\` wrote it from docs/storage.md; now it is yours. */
${STORES[application.driver].text}`;
  return [
    { path: path(name), text: inItsLanguage(passkeys, application) },
    { path: path(`${name}-store`), text: inItsLanguage(store, application) },
  ];
}

/** Whether the tables are made by a promise, because `require()` waits for no module. */
export const hasReady = ({ module, driver }: Application): boolean =>
  module === 'cjs' && STORES[driver].text.includes('await migrate');

const rp = ({ name, origins }: Application) =>
  `rp: { id: 'localhost', name: ${quoted(name)}, origins: [${origins.map(quoted).join(', ')}] }, // your domain, once it is live`;

/** docs/express.md, docs/koa.md, docs/fastify.md. */
function forNewAccounts(application: Application, name: string): string {
  const { framework, importEnding } = application;
  const { adapter, make, exports } = ADAPTERS[framework];
  return `/** Passkeys: people sign up, in and out with them. \`latchkey init\` wrote it from docs/${framework}.md; now it is yours. */
import { createPasskeys«, type User» } from '@latchkey/core';
import { ${make} } from ${quoted(adapter)};
import { store } from './${name}-store${importEnding}';

const accounts = new Map«<string, User>»(); // yours: a table, say

export const passkeys = createPasskeys({
  ${rp(application)}
  users: {
    find: (id) => accounts.get(id),
    create({ name, displayName }) {
      if ([...accounts.values()].some((account) => account.name === name)) return null; // taken
      const account = { id: crypto.randomUUID(), name, displayName };
      accounts.set(account.id, account);
      return account;
    },
  },
  store,
});
export const ${exports} = ${make}(passkeys);
`;
}

/** docs/passwords.md. */
function besidePasswords(application: Application, name: string): string {
  const { framework, importEnding, session } = application;
  const { adapter, make, request, called, exports } = ADAPTERS[framework];
  const { imports, type, functions } = BRIDGES[session!];
  const site = `Site${request.replace('Fastify', '')}`;
  const renamed = called === 'request' ? 'request' : `request: ${called}`;
  return `/** Passkeys beside the passwords of this site. \`latchkey init\` wrote it from docs/passwords.md; now it is yours. */
${imports === undefined ? '' : `${imports}\n`}import { createPasskeys } from '@latchkey/core';
import { ${make} } from ${quoted(adapter)};
«import type { ${request} } from '${framework}';
»import { store } from './${name}-store${importEnding}';

«/** Yours: what your table has. */
interface Account {
  id: number | string;
  email: string;
}
${type}

»/** Yours: the account with this id. The id is text, also where your table has numbers. */
async function accountById(id«: string»)«: Promise<Account | undefined>» {
  throw new Error(\`Write accountById() in this file. It was asked for \${id}.\`);
}

/** What Latchkey may know of an account: the id as text, and a name. Never the whole row. */
const userOf = (account«: Account | null | undefined») => account && { id: String(account.id), name: account.email };

${functions}

export const passkeys = createPasskeys({
  ${rp(application)}
  store,
  users: {
    find: async (id) => userOf(await accountById(id)),
    identify: async (${called}«: ${request}») => userOf(await accountOf(${called}« as ${site}»)),
    hasOtherWayIn: () => true, // everybody here has a password
  },
  sessions: { followIdentify: true }, // a person who is signed out of the site is signed out of Latchkey
  onSignIn: async ({ user, ${renamed} }«: { user: { id: string }; request: ${request} }») =>
    logIn(${called}« as ${site}», «(»await accountById(user.id)«)!»),
  onSignOut: async ({ current, ${renamed} }«: { current: boolean; request: ${request} }») => {
    if (current) await logOut(${called}« as ${site}»);
  },
});
export const ${exports} = ${make}(passkeys);
`;
}

/** A string of JavaScript, as the house writes it: the name comes from somebody's package.json. */
const quoted = (text: string) => `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;

function inItsLanguage(text: string, { typescript, module }: Application): string {
  const typed = typescript ? text.replace(/[«»]/g, '') : text.replace(/«[^»]*»/g, '');
  if (module === 'esm') return typed;
  return typescript ? withoutAwait(typed) : withRequire(withoutAwait(typed));
}

/** `require()` waits for no module: whoever listens waits for `ready` instead. */
const withoutAwait = (text: string) =>
  text.replace(
    'await migrate(db);\n\nexport const store = sqlStore(db);\n',
    '\nexport const store = sqlStore(db);\nexport const ready = migrate(db);\n',
  );

function withRequire(text: string): string {
  const names = [...text.matchAll(/^export const (?:\{ (.*?) \}|(\w+))/gm)].map(([, several, one]) => several ?? one);
  return `${text
    .replace(/^import (.*?) from ('.*?');$/gm, 'const $1 = require($2);')
    .replace(/^export const /gm, 'const ')}
module.exports = { ${names.join(', ')} };
`;
}
