/** What is left to do by hand: init changes no file that was there before, and says which lines go where. */
import { posix } from 'node:path';
import { type Application, besideEntry, type Entry } from './application.ts';
import { BRIDGES } from './bridges.ts';
import { ADAPTERS, hasReady } from './files.ts';
import { STORES } from './stores.ts';

export interface Step {
  readonly what: string;
  /** Where, as far as it was found. */
  readonly where: readonly string[];
  readonly lines: readonly string[];
}

/** The steps, in the order in which they are done. `name`: what the new files' names begin with. */
export function stepsFor(application: Application, name: string): Step[] {
  return [
    ...install(application),
    ...compile(application),
    mount(application, name),
    ...listen(application, name),
    ...passwords(application, name),
    ...identityKey(application, name),
  ];
}

const INSTALLS = { npm: 'npm install', pnpm: 'pnpm add', yarn: 'yarn add', bun: 'bun add' } as const;

function install({ framework, driver, typescript, packages, manager }: Application): Step[] {
  const { needs, types } = STORES[driver];
  const missing = (names: readonly string[]) => names.filter((each) => !packages.has(each));
  const wanted = missing(['@latchkey/core', ADAPTERS[framework].adapter, '@opentelemetry/api', ...needs]);
  const wantedTypes = typescript ? missing(types) : [];
  const command = INSTALLS[manager];
  const lines = [
    ...(wanted.length > 0 ? [`${command} ${wanted.join(' ')}`] : []),
    ...(wantedTypes.length > 0 ? [`${command} -D ${wantedTypes.join(' ')}`] : []),
  ];
  return lines.length > 0 ? [{ what: 'Install', where: [], lines }] : [];
}

function compile({ mayMissTypes }: Application): Step[] {
  if (!mayMissTypes) return [];
  const what = 'Where TypeScript does not find @latchkey/core (TS2307), let it look as Node.js does';
  return [{ what, where: ['tsconfig.json'], lines: ['"module": "nodenext", "moduleResolution": "nodenext"'] }];
}

/** After what sets the site's own user, before the csrf middleware. */
function mount(application: Application, name: string): Step {
  const { framework, module, entry, session } = application;
  const app = entry?.app ?? 'app';
  const uses = {
    express: [`${app}.use(routes());`, `${app}.use(wellKnown());`],
    koa: [`${app}.use(routes()).use(wellKnown());`],
    fastify: [`${module === 'esm' ? 'await ' : ''}${app}.register(passkeysPlugin);`],
  }[framework];
  const brought = framework === 'fastify' ? 'passkeysPlugin' : 'routes, wellKnown';
  return {
    what: 'Mount it',
    where: placeIn(entry, session !== null),
    lines: [bring(application, brought, name), ...uses],
  };
}

function listen(application: Application, name: string): Step[] {
  if (!hasReady(application)) return [];
  const { entry } = application;
  const at = entry?.lines.findIndex((line) => /\.listen\(/.test(line)) ?? -1;
  return [
    {
      what: 'Listen when the tables are there',
      where: [at === -1 ? 'where your server listens' : shown(entry!, at)],
      lines: [bring(application, 'ready', `${name}-store`), `ready.then(() => ${entry?.app ?? 'app'}.listen(…));`],
    },
  ];
}

function passwords(application: Application, name: string): Step[] {
  const { framework, session, extension, packages } = application;
  if (session === null) return [];
  const isOldPassport = session === 'passport' && /^[\^~v=]*0\.[0-5]\b/.test(packages.get('passport') ?? '');
  const call = { express: 'signOut(req, res)', koa: 'signOut(ctx)', fastify: 'app.signOut(request, reply)' }[framework];
  const file = posix.join(besideEntry(application), `${name}.${extension}`);
  return [
    ...(isOldPassport
      ? [{ what: 'Update passport to 0.6 or newer', where: ['until then req.logout ignores its callback'], lines: [] }]
      : []),
    { what: 'Write accountById(), and look at what is marked as yours', where: [file], lines: [] },
    {
      what: 'End both sessions in your own sign-out',
      where: [`before ${BRIDGES[session].ownSignOut}`],
      lines: [...(framework === 'fastify' ? [] : [bring(application, 'signOut', name)]), `await ${call};`],
    },
  ];
}

/** docs/audit.md. In memory no passkey is there after a start, and none needs the same name in the records then. */
function identityKey(application: Application, name: string): Step[] {
  if (application.driver === 'memory') return [];
  const file = posix.join(besideEntry(application), `${name}.${application.extension}`);
  const bang = application.typescript ? '!' : '';
  const step = {
    what: 'Before it is live: a secret for the pseudonyms in records, the same in every process',
    where: [`in createPasskeys() of ${file}`],
    lines: [
      `audit: { identityKey: process.env.LATCHKEY_IDENTITY_KEY${bang} },`,
      'LATCHKEY_IDENTITY_KEY="$(openssl rand -base64 32)"   # made once, and kept',
    ],
  };
  return [step];
}

function bring({ typescript, module, importEnding }: Application, what: string, file: string): string {
  const from = `'./${file}${importEnding}'`;
  return module === 'esm' || typescript ? `import { ${what} } from ${from};` : `const { ${what} } = require(${from});`;
}

function placeIn(entry: Entry | null, hasSession: boolean): string[] {
  if (entry === null) return ['after what sets your signed-in user, before a csrf middleware'];
  const { lines, app, madeAt } = entry;
  const uses = new RegExp(`\\b${app}\\.(use|register)\\(`);
  const session = hasSession ? lines.findLastIndex((line) => uses.test(line) && /session|passport/i.test(line)) : -1;
  const csrf = lines.findIndex((line) => uses.test(line) && /csrf|csurf|lusca/i.test(line));
  return [
    `after the statement at ${shown(entry, Math.max(session, madeAt))}`,
    ...(csrf > session ? [`before the one at ${shown(entry, csrf)}`] : []),
  ];
}

const shown = ({ file, lines }: Entry, at: number) => `${file}:${at + 1}: ${lines[at]!.trim()}`;
