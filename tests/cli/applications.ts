/**
 * Small applications as they are before `latchkey init`, for each framework and language; and what a person does after it: mounts what
 * was written, where it says, and writes what is marked as theirs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type Framework = 'express' | 'koa' | 'fastify';
export type Language = 'ts' | 'ts-cjs' | 'esm' | 'cjs';

export interface Application {
  readonly framework: Framework;
  readonly language: Language;
  readonly driver: string;
  /** The package that keeps its own sign-in, if it has one. */
  readonly session?: string;
}

interface Parts {
  readonly imports: readonly (readonly [name: string, from: string])[];
  readonly make: string;
  /** What it has before: its own sign-in, and who that names. */
  readonly before: string;
  readonly after: string;
  /** Behind Latchkey's guard: put in when it is mounted. */
  readonly guarded: string;
  readonly listen: (port: number) => string;
}

const SECRET = 'for tests, and only for tests, truly';

const PARTS: Readonly<Record<Framework, Parts>> = {
  express: {
    imports: [['express', 'express']],
    make: 'const app = express();',
    before: 'app.use(express.json());',
    after: '',
    guarded: "app.get('/me', requireSignIn(), (req, res) => { res.json(meOf(req.passkeySession.user)); });",
    listen: (port) => `app.listen(${port}, 'localhost');`,
  },
  koa: {
    imports: [['Koa', 'koa']],
    make: 'const app = new Koa();',
    before: '',
    after: '',
    guarded: 'app.use(requireSignIn()).use((ctx) => { ctx.body = meOf(ctx.state.passkeySession.user); });',
    listen: (port) => `app.listen(${port}, 'localhost');`,
  },
  fastify: {
    imports: [['Fastify', 'fastify']],
    make: 'const app = Fastify();',
    before: '',
    after: '',
    guarded: `app.register(async (site) => {
  site.get('/me', { preHandler: site.requireSignIn() }, async (request) => meOf(request.passkeySession.user));
});`,
    listen: (port) => `app.listen({ port: ${port}, host: 'localhost' });`,
  },
};

/** Each site signs in whom `POST /login` names, out by `POST /logout`, and says at `GET /who` whom it knows. */
const SITES: Readonly<Record<string, Pick<Parts, 'imports' | 'before' | 'after'>>> = {
  passport: {
    imports: [
      ['session', 'express-session'],
      ['passport', 'passport'],
    ],
    before: `passport.serializeUser((account, done) => done(null, account.id));
passport.deserializeUser((id, done) => done(null, rows.find((row) => row.id === id)));
app.use(session({ secret: '${SECRET}', resave: false, saveUninitialized: false }));
app.use(passport.session());`,
    after: `app.post('/login', (req, res, next) => {
  req.login(rows[0], (error) => (error ? next(error) : res.end()));
});
app.post('/logout', async (req, res, next) => {
  await signOut(req, res);
  req.logout((error) => (error ? next(error) : res.end()));
});
app.get('/who', (req, res) => { res.send(String(req.user?.email)); });`,
  },
  'express-session': {
    imports: [['session', 'express-session']],
    before: `app.use(session({ secret: '${SECRET}', resave: false, saveUninitialized: false }));`,
    after: `app.post('/login', (req, res) => {
  req.session.userId = rows[0].id;
  res.end();
});
app.post('/logout', async (req, res) => {
  await signOut(req, res);
  req.session.destroy(() => res.end());
});
app.get('/who', (req, res) => { res.send(String(rows.find((row) => row.id === req.session.userId)?.email)); });`,
  },
  'koa-passport': {
    imports: [
      ['session', 'koa-session'],
      ['passport', 'koa-passport'],
    ],
    before: `passport.serializeUser((account, done) => done(null, account.id));
passport.deserializeUser((id, done) => done(null, rows.find((row) => row.id === id)));
app.keys = ['${SECRET}'];
app.use(session(app));
app.use(passport.initialize());
app.use(passport.session());`,
    after: `app.use(async (ctx, next) => {
  if (ctx.path === '/login') await ctx.login(rows[0]);
  else if (ctx.path === '/logout') {
    await signOut(ctx);
    await ctx.logout();
    ctx.session = null;
  } else if (ctx.path === '/who') {
    ctx.body = String(ctx.state.user?.email);
    return;
  } else return next();
  ctx.body = '';
});`,
  },
  'koa-session': {
    imports: [['session', 'koa-session']],
    before: `app.keys = ['${SECRET}'];
app.use(session(app));`,
    after: `app.use(async (ctx, next) => {
  if (ctx.path === '/login') ctx.session.userId = rows[0].id;
  else if (ctx.path === '/logout') {
    await signOut(ctx);
    ctx.session = null;
  } else if (ctx.path === '/who') {
    ctx.body = String(rows.find((row) => row.id === ctx.session.userId)?.email);
    return;
  } else return next();
  ctx.body = '';
});`,
  },
  '@fastify/session': {
    imports: [
      ['cookie', '@fastify/cookie'],
      ['session', '@fastify/session'],
    ],
    before: `app.register(cookie);
app.register(session, { secret: '${SECRET}', saveUninitialized: false, cookie: { secure: false } });`,
    after: `app.register(async (site) => {
  site.post('/login', async (request) => {
    request.session.userId = rows[0].id;
    return '';
  });
  site.post('/logout', async (request, reply) => {
    await app.signOut(request, reply);
    await request.session.destroy();
    return '';
  });
  site.get('/who', async (request) => String(rows.find((row) => row.id === request.session.userId)?.email));
});`,
  },
  '@fastify/secure-session': {
    imports: [['session', '@fastify/secure-session']],
    before: `app.register(session, { secret: '${SECRET}', salt: 'of sixteen bytes', cookie: { path: '/' } });`,
    after: `app.register(async (site) => {
  site.post('/login', async (request) => {
    request.session.set('userId', rows[0].id);
    return '';
  });
  site.post('/logout', async (request, reply) => {
    await app.signOut(request, reply);
    request.session.delete();
    return '';
  });
  site.get('/who', async (request) => String(rows.find((row) => row.id === request.session.get('userId'))?.email));
});`,
  },
};

const GUARDED = '// behind the guard';

const extensionOf = (language: Language) => (language.startsWith('ts') ? 'ts' : 'js');
const isModule = (language: Language) => language === 'ts' || language === 'esm';

/** Writes the application into a folder, as it is before. */
export function write(folder: string, { framework, language, driver, session }: Application, port: number): void {
  const parts = PARTS[framework];
  const site = session === undefined ? null : SITES[session]!;
  const imports = [...parts.imports, ...(site?.imports ?? [])];
  const packages = [framework, ...(driver === 'memory' ? [] : [driver]), ...imports.map(([, from]) => from)];
  const manifest = {
    name: 'An application of a test',
    type: isModule(language) ? 'module' : 'commonjs',
    main: `src/server.${extensionOf(language)}`,
    dependencies: Object.fromEntries(packages.map((name) => [name, '*'])),
  };
  const lines = [
    ...imports.map(([name, from]) =>
      language === 'cjs' ? `const ${name} = require('${from}');` : `import ${name} from '${from}';`,
    ),
    "const rows = [{ id: 7, email: 'ada@example.com' }];",
    parts.make,
    parts.before,
    site?.before ?? '',
    site?.after ?? '',
    GUARDED,
    parts.listen(port),
  ];
  // What an application does by itself is not what is looked at here.
  const text = `${extensionOf(language) === 'ts' ? '// @ts-nocheck\n' : ''}${lines.join('\n')}\n`;
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  if (extensionOf(language) === 'ts') writeFileSync(join(folder, 'tsconfig.json'), '{ "extends": "../tsconfig.json" }');
  writeFileSync(join(folder, manifest.main), text);
}

export interface Step {
  readonly what: string;
  readonly where: readonly string[];
  readonly lines: readonly string[];
}

/** Does by hand what init leaves to do, at the places that it names. */
export function follow(folder: string, { framework, session }: Application, steps: readonly Step[]): void {
  for (const { what, where, lines } of steps) {
    if (what === 'Mount it') {
      const [, file, at] = /^after the statement at ([^:]+):(\d+): /.exec(where[0]!)!;
      const text = readFileSync(join(folder, file!), 'utf8').split('\n');
      const [brought, ...uses] = lines;
      text.splice(Number(at), 0, ...uses);
      const more = framework === 'fastify' ? '' : `requireSignIn, ${session === undefined ? '' : 'signOut, '}`;
      const imports = brought!.replace('{ ', `{ ${more}`);
      const isOfTypes = text[0]!.startsWith('//');
      text.splice(isOfTypes ? 1 : 0, 0, imports);
      const me = 'const meOf = ({ id, name }) => ({ id, name });';
      save(folder, file!, text.join('\n').replace(GUARDED, `${me}\n${PARTS[framework].guarded}`));
    } else if (what === 'Listen when the tables are there') {
      const file = where[0]!.split(':')[0]!;
      const [brought, waits] = lines;
      const text = readFileSync(join(folder, file), 'utf8').replace(/app\.listen\(.*\);/, (listens) =>
        waits!.replace('app.listen(…)', () => listens.slice(0, -1)),
      );
      save(folder, file, text.replace(/^(\/\/.*\n)?/, `$1${brought}\n`));
    } else if (what.startsWith('Write accountById()')) {
      const [file] = where as [string];
      const text = readFileSync(join(folder, file), 'utf8');
      const own = "return id === '7' ? { id: 7, email: 'ada@example.com' } : undefined;";
      save(folder, file, text.replace(/throw new Error\(.*\);/, own));
    } else if (what.startsWith('Before it is live')) {
      const file = where[0]!.replace('in createPasskeys() of ', '');
      const text = readFileSync(join(folder, file), 'utf8');
      save(folder, file, text.replace('createPasskeys({\n', `$&  ${lines[0]}\n`));
    }
  }
}

function save(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}
