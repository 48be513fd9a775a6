/** What an application says of itself: `latchkey init` asks nothing that stands in its package.json or in the file that makes its app. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, posix } from 'node:path';
import { Fault, messageOf } from '../terminal/fault.ts';

export const FRAMEWORKS = ['express', 'koa', 'fastify'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

export const DRIVERS = ['pg', 'mysql2', 'sqlite', 'ioredis', 'memory'] as const;
export type Driver = (typeof DRIVERS)[number];

/** The sessions for which docs/passwords.md has a bridge, by the package that makes them. */
export const SESSIONS = {
  express: ['passport', 'express-session'],
  koa: ['koa-passport', 'koa-session'],
  fastify: ['@fastify/session', '@fastify/secure-session'],
} as const satisfies Record<Framework, readonly string[]>;
export type Session = (typeof SESSIONS)[Framework][number];

export type Manager = 'npm' | 'pnpm' | 'yarn' | 'bun';

/** The file that makes the app. */
export interface Entry {
  /** Below the application's folder. */
  readonly file: string;
  readonly lines: readonly string[];
  /** What the app is called there. */
  readonly app: string;
  /** The index of the line that makes it. */
  readonly madeAt: number;
}

export interface Application {
  /** Its folder. */
  readonly folder: string;
  readonly name: string;
  readonly framework: Framework;
  readonly typescript: boolean;
  readonly module: 'esm' | 'cjs';
  /** Of its source files, without a dot. */
  readonly extension: string;
  /** What relative imports end in: `.js`, `.ts` or nothing. */
  readonly importEnding: string;
  /** Whether its compiler may look for types where packages with `exports` have none: TypeScript's `node10`. */
  readonly mayMissTypes: boolean;
  readonly driver: Driver;
  /** The session of its own sign-in, or null where it has none. */
  readonly session: Session | null;
  /** Null where no file was found that makes the app. */
  readonly entry: Entry | null;
  readonly origins: readonly string[];
  /** What package.json names, with the versions it wants. */
  readonly packages: ReadonlyMap<string, string>;
  /** What installs them. */
  readonly manager: Manager;
}

/** What the command line says instead of the application. */
export interface Said {
  readonly framework?: Framework;
  readonly driver?: Driver;
  readonly session?: Session | 'none';
  readonly entry?: string;
}

/** Reads the application in a folder. Throws a {@link Fault} where it cannot know. */
export function readApplication(folder: string, said: Said): Application {
  const manifest = readManifest(folder);
  const packages = new Map<string, string>(Object.entries({ ...manifest.devDependencies, ...manifest.dependencies }));
  const [framework, entry] = frameworkAndEntry(folder, said, packages, manifest);
  const tsconfig = textOf(join(folder, 'tsconfig.json'))?.replace(/^\s*\/\/.*$/gm, '') ?? null;
  const extension = entry ? extname(entry.file).slice(1).replace('sx', 's') : tsconfig === null ? 'js' : 'ts';
  const typescript = extension.endsWith('ts');
  const module = moduleOf(extension, manifest, tsconfig, entry);
  return {
    folder,
    name: typeof manifest.name === 'string' ? manifest.name : basename(folder),
    framework,
    typescript,
    module,
    extension,
    importEnding: typescript ? endingOf(extension, module, tsconfig, entry) : `.${extension}`,
    mayMissTypes: typescript && tsconfig !== null && looksUpTypesAsNode10(tsconfig),
    driver: said.driver ?? driverOf(packages, folder),
    session: sessionOf(framework, said, packages),
    entry,
    origins: originsOf(entry, packages),
    packages,
    manager: managerOf(folder),
  };
}

interface Manifest {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly main?: unknown;
  readonly scripts?: Readonly<Record<string, unknown>>;
  readonly dependencies?: object;
  readonly devDependencies?: object;
}

function readManifest(folder: string): Manifest {
  const text = textOf(join(folder, 'package.json'));
  if (text === null)
    throw new Fault('usage', 'There is no package.json here. Run it in the folder of the application.');
  try {
    return Object(JSON.parse(text));
  } catch (error) {
    throw new Fault('usage', `package.json is no JSON: ${messageOf(error)}`, error);
  }
}

function frameworkAndEntry(
  folder: string,
  said: Said,
  packages: ReadonlyMap<string, string>,
  manifest: Manifest,
): [Framework, Entry | null] {
  const named = said.framework ? [said.framework] : FRAMEWORKS.filter((framework) => packages.has(framework));
  if (said.framework === undefined && packages.has('@nestjs/core')) {
    throw new Fault('usage', 'This is a Nest application: docs/nest.md has what to write.');
  }
  const [only] = named;
  if (only === undefined) {
    throw new Fault(
      'usage',
      'package.json names none of express, koa and fastify. Say --framework, or see docs/fetch.md for anything that answers a Request.',
    );
  }
  const files = said.entry === undefined ? sourceFiles(folder) : [said.entry];
  const entries = named.flatMap((framework) => {
    const entry = entryOf(framework, folder, files, manifest);
    return entry ? [[framework, entry] as [Framework, Entry]] : [];
  });
  if (said.entry !== undefined && entries.length === 0) {
    throw new Fault('usage', `${said.entry} makes no app of ${named.join(' or ')}.`);
  }
  if (entries.length === 1) return entries[0]!;
  if (named.length === 1) return [only, null];
  throw new Fault('usage', `package.json names ${named.join(' and ')}. Say which one: --framework ${only}`);
}

const MAKES: Record<Framework, RegExp> = {
  express: /\b(\w+)\s*(?::[^=]+)?=\s*(?:new\s+)?(?:express|require\(['"]express['"]\))\(/,
  koa: /\b(\w+)\s*(?::[^=]+)?=\s*new\s+Koa\b/,
  fastify: /\b(\w+)\s*(?::[^=]+)?=\s*(?:await\s+)?(?:[Ff]astify|require\(['"]fastify['"]\))(?:<[^>]*>)?\(/,
};
/** A line as far as a person wrote it: longer ones are a program's, and slow to search. */
const written = (line: string) => (line.length <= 500 ? line : '');

/** The file that makes the app: the one that package.json starts, else the one nearest to the folder itself. */
function entryOf(framework: Framework, folder: string, files: readonly string[], manifest: Manifest): Entry | null {
  const started = `${manifest.main} ${Object.values(manifest.scripts ?? {}).join(' ')}`;
  const found = files.flatMap((file): Entry[] => {
    const lines = (textOf(join(folder, file))?.split(/\r?\n/) ?? []).map(written);
    const madeAt = lines.findIndex((line) => MAKES[framework].test(line));
    if (madeAt === -1) return [];
    return [{ file, lines, app: MAKES[framework].exec(lines[madeAt]!)![1]!, madeAt }];
  });
  const depth = ({ file }: Entry) => (started.includes(file) ? 0 : file.split('/').length);
  return found.sort((a, b) => depth(a) - depth(b) || a.file.localeCompare(b.file))[0] ?? null;
}

const LEFT_OUT = /^(node_modules|dist|build|out|coverage|public|tests?|__tests__|\..*)$/;
const MOST_FILES = 2_000;

/** Those nearest to the folder first. */
function sourceFiles(folder: string): string[] {
  const files: string[] = [];
  const folders = ['.'];
  for (const below of folders) {
    for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
      if (LEFT_OUT.test(entry.name)) continue;
      if (entry.isDirectory()) folders.push(posix.join(below, entry.name));
      else if (/(?<!\.(?:test|spec|d))\.[cm]?[jt]sx?$/.test(entry.name)) files.push(posix.join(below, entry.name));
    }
    if (files.length > MOST_FILES || folders.length > MOST_FILES) break;
  }
  return files;
}

function moduleOf(extension: string, { type }: Manifest, tsconfig: string | null, entry: Entry | null): 'esm' | 'cjs' {
  if (extension.startsWith('m')) return 'esm';
  if (extension.startsWith('c')) return 'cjs';
  if (type === 'module') return 'esm';
  if (type === 'commonjs') return 'cjs';
  // Without a type, TypeScript goes by its own setting, and Node.js by what stands in the file.
  if (extension === 'ts' && tsconfig !== null) return /"module"\s*:\s*"(es|preserve)/i.test(tsconfig) ? 'esm' : 'cjs';
  return entry?.lines.some((line) => /^import\b(?!\()/.test(line)) ? 'esm' : 'cjs';
}

const looksUpTypesAsNode10 = (tsconfig: string): boolean =>
  /"moduleResolution"\s*:\s*"(node|node10|classic)"/i.test(tsconfig) ||
  (/"module"\s*:\s*"commonjs"/i.test(tsconfig) && !/"moduleResolution"/.test(tsconfig));

/** As the application's own imports end; where there are none, as its compiler wants it. */
function endingOf(extension: string, module: 'esm' | 'cjs', tsconfig: string | null, entry: Entry | null): string {
  const own = /from\s+['"]\.{1,2}\/(?:[^'"]*\/)?[^'"./]+(\.[cm]?[jt]s)?['"]/.exec(entry?.lines.join('\n') ?? '');
  if (own && extension === 'ts') return own[1] ?? '';
  const allowed = /"(allowImportingTsExtensions|rewriteRelativeImportExtensions)"\s*:\s*true/;
  // Without a tsconfig.json it is Node.js that strips the types, and it wants the real name.
  if (tsconfig === null || allowed.test(tsconfig)) return `.${extension}`;
  return module === 'esm' ? `.${extension.replace('t', 'j')}` : '';
}

/** What stands for a database whose driver Latchkey uses is another one. */
const KIN: Readonly<Record<string, Driver>> = {
  postgres: 'pg',
  'pg-promise': 'pg',
  '@prisma/adapter-pg': 'pg',
  mysql: 'mysql2',
  mariadb: 'mysql2',
  '@prisma/adapter-mariadb': 'mysql2',
  sqlite3: 'sqlite',
  'better-sqlite3': 'sqlite',
  '@prisma/adapter-better-sqlite3': 'sqlite',
  redis: 'ioredis',
};
const PRISMA: Readonly<Record<string, Driver>> = { postgresql: 'pg', mysql: 'mysql2', sqlite: 'sqlite' };

/** Where passkeys must not be lost, a database goes before Redis. */
function driverOf(packages: ReadonlyMap<string, string>, folder: string): Driver {
  const schema = textOf(join(folder, 'prisma/schema.prisma')) ?? '';
  const [, provider = ''] = /datasource\s+\w+\s*\{[^}]*provider\s*=\s*"(\w+)"/.exec(schema) ?? [];
  const has = DRIVERS.filter(
    (driver) =>
      packages.has(driver) ||
      PRISMA[provider] === driver ||
      Object.entries(KIN).some(([name, kin]) => kin === driver && packages.has(name)),
  );
  return has[0] ?? 'memory';
}

function sessionOf(framework: Framework, said: Said, packages: ReadonlyMap<string, string>): Session | null {
  if (said.session === 'none') return null;
  const known: readonly Session[] = SESSIONS[framework];
  if (said.session !== undefined) {
    if (known.includes(said.session)) return said.session;
    throw new Fault('usage', `--session with ${framework} is one of: ${known.join(', ')}, none`);
  }
  // Passport alone is for tokens: what it needs to remember anybody is a session.
  return known.find((name) => packages.has(name) && (name !== 'passport' || packages.has('express-session'))) ?? null;
}

const LOCKS: Readonly<Record<string, Manager>> = {
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
  'bun.lock': 'bun',
  'bun.lockb': 'bun',
};

function managerOf(folder: string): Manager {
  const lock = Object.keys(LOCKS).find((file) => existsSync(join(folder, file)));
  return lock === undefined ? 'npm' : LOCKS[lock]!;
}

/** The port that the file listens on, and that of Vite's development server. */
function originsOf(entry: Entry | null, packages: ReadonlyMap<string, string>): string[] {
  const text = entry?.lines.join('\n') ?? '';
  const port =
    /\.listen\(\s*(?:\{\s*port:\s*)?(\d{2,5})\b/.exec(text)?.[1] ??
    /\bport\b[^;\n]*?(?:\?\?|\|\||=)\s*['"]?(\d{2,5})\b/i.exec(text)?.[1] ??
    '3000';
  return [port, ...(packages.has('vite') ? ['5173'] : [])].map((each) => `http://localhost:${each}`);
}

const LARGEST_BYTES = 1_048_576;

/** The text of a file, or null where there is none that a person would have written. */
function textOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() && found.size <= LARGEST_BYTES ? readFileSync(path, 'utf8') : null;
}

/** The folder of the app's file: what is new goes beside it. */
export const besideEntry = ({ folder, entry }: Application): string =>
  entry ? dirname(entry.file) : existsSync(join(folder, 'src')) ? 'src' : '.';
