// The packages in a stranger's hands: their tarballs, installed by npm into an empty folder, compiled against as TypeScript
// users do, and run through a ceremony. What only works inside this repository shows here.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from '../programs.mjs';
import { ROOT } from '../workspace.mjs';
import type { Tarball } from './tarballs.ts';

/** Runs an action, and says how it ended. */
type Check = (what: string, action: () => Promise<void>) => Promise<unknown>;

/** How many packages an installation of core may bring, itself and its peer included. 25 of them are SimpleWebAuthn's. */
const CORE_BRINGS = 28;

/** What the consumer installs besides the packages; their peers npm brings by itself. */
const BESIDES = ['@types/express', '@types/koa', '@types/node@22', '@types/react'];

/** Too old for Latchkey, and often what is there. */
const OLD = '20';

const COMPILER_OPTIONS = { target: 'es2022', strict: true, types: ['node'], esModuleInterop: true };

/**
 * Installs the tarballs into a folder and checks what can be done with them.
 * @param how `full`: with an empty npm cache, every TypeScript and every module resolution. `nodes`: versions to run on besides the one that runs this
 */
export async function checkConsumer(
  tarballs: readonly Tarball[],
  { folder, check, full, nodes }: { folder: string; check: Check; full: boolean; nodes: readonly string[] },
) {
  const home = join(folder, 'consumer');
  const npm = createNpm(full ? ['--cache', join(folder, 'cache')] : ['--prefer-offline']);
  const installed = await check('npm install', async () => {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'consumer', private: true }));
    const files = tarballs.map(({ file }) => file);
    await npm(home, ['install', '--ignore-scripts', '--strict-peer-deps', ...files, ...BESIDES]);
    await npm(home, ['ls', '--all']);
  });
  if (!installed) return;
  await check('what core brings', async () => {
    const brought = closure(JSON.parse(readFileSync(join(home, 'package-lock.json'), 'utf8')), '@latchkey/core');
    if (brought.size > CORE_BRINGS)
      throw new Error(`${brought.size} packages, and the limit is ${CORE_BRINGS}: ${[...brought].join(', ')}`);
  });

  write(home, tarballs);
  await check('TypeScript 7, nodenext, emits', () => compile(home, join(ROOT, 'node_modules/.bin/tsc'), 'nodenext'));
  if (full) {
    const old = await tool(npm, folder, 'typescript@5.9');
    await check('TypeScript 7, bundler', () => compile(home, join(ROOT, 'node_modules/.bin/tsc'), 'bundler'));
    await check('TypeScript 5.9, nodenext', () => compile(home, join(old, '.bin/tsc'), 'nodenext'));
    await check('TypeScript 5.9, bundler', () => compile(home, join(old, '.bin/tsc'), 'bundler'));
  }

  if (full) {
    const old = join(await tool(npm, folder, `node@${OLD}`), 'node/bin/node');
    await check(`Node.js ${OLD} is told that it is too old`, async () => {
      const { output } = await ask(old, ['--input-type=module', '-e', "await import('@latchkey/core')"], { cwd: home });
      if (!output.includes('Error: Latchkey needs Node.js 22.16 or newer; this is v')) throw new Error(output);
    });
  }

  const programs = new Map([['', process.execPath]]);
  for (const version of nodes) programs.set(version, join(await tool(npm, folder, `node@${version}`), 'node/bin/node'));
  for (const [asked, node] of programs) {
    const version = (await program(home, node, ['--version'])).trim();
    if (!version.startsWith(`v${asked}`)) throw new Error(`Asked for Node.js ${asked} and got ${version}.`);
    await check(`Node.js ${version}: ceremony, import`, () => ceremony(home, node, 'app.mjs'));
    await check(`Node.js ${version}: ceremony, require`, () => ceremony(home, node, 'app.cjs'));
    for (const { manifest } of tarballs)
      for (const [name, path] of Object.entries(manifest.bin ?? {}))
        await check(`Node.js ${version}: ${name} --help`, async () => {
          await program(home, node, [join('node_modules', manifest.name, path), '--help']);
        });
  }
}

/** The consumer's sources: the application twice, and a module that imports every package. */
function write(home: string, tarballs: readonly Tarball[]) {
  const names = tarballs.filter(({ manifest }) => manifest.exports).map(({ manifest }) => manifest.name);
  const every = [
    ...names.map((name, index) => `import * as p${index} from '${name}';`),
    `const all: object[] = [${names.map((_, index) => `p${index}`).join(', ')}];`,
    "if (all.some((one) => Object.keys(one).length === 0)) throw new Error('A package exports nothing.');",
  ].join('\n');
  for (const kind of ['mts', 'cts']) {
    cpSync(join(ROOT, 'scripts/release/consumer/app.mts'), join(home, `app.${kind}`));
    writeFileSync(join(home, `every.${kind}`), every);
  }
  const tsconfig = (name: string, compilerOptions: object, files: string[]) =>
    writeFileSync(
      join(home, `tsconfig.${name}.json`),
      JSON.stringify({ compilerOptions: { ...COMPILER_OPTIONS, ...compilerOptions }, files }),
    );
  const dom = ['es2024', 'dom'];
  tsconfig('nodenext', { module: 'nodenext', lib: ['es2024'], outDir: '.' }, ['app.mts', 'app.cts']);
  tsconfig('nodenext.every', { module: 'nodenext', lib: dom, outDir: '.' }, ['every.mts', 'every.cts']);
  const bundler = { module: 'esnext', moduleResolution: 'bundler', noEmit: true };
  tsconfig('bundler', { ...bundler, lib: ['es2024'] }, ['app.mts']);
  tsconfig('bundler.every', { ...bundler, lib: dom }, ['every.mts']);
}

/**
 * Without `skipLibCheck`: our declarations must hold where they land. Those of others need not hold beside each other.
 * @param name of the tsconfig
 */
async function compile(home: string, tsc: string, name: string) {
  const faults = [];
  for (const project of [name, `${name}.every`]) {
    const args = ['-p', `tsconfig.${project}.json`, '--pretty', 'false'];
    const { code, output } = await ask(tsc, args, { cwd: home });
    const errors = output.split('\n').filter((line) => /\berror TS\d+/.test(line));
    faults.push(...errors.filter((line) => !/^node_modules\/(?!@latchkey\/)/.test(line)));
    if (code !== 0 && errors.length === 0) faults.push(`${project} ended with code ${code}: ${output}`);
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/** Takes a second or two. A server that was left open would keep it waiting for ever. */
async function ceremony(home: string, node: string, file: string) {
  await program(home, node, [file.replace('app', 'every')]);
  const said = await program(home, node, [file], { timeout: 60_000 });
  if (said.trim() !== 'signed in') throw new Error(`It said: ${said}`);
}

/**
 * Installs a tool into a folder of its own.
 * @returns the `node_modules` it is in
 */
async function tool(npm: Npm, folder: string, spec: string): Promise<string> {
  const home = join(folder, spec.replace(/\W/g, '-'));
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true }');
  await npm(home, ['install', spec]);
  return join(home, 'node_modules');
}

type Npm = (home: string, args: readonly string[]) => Promise<unknown>;

function createNpm(options: readonly string[]): Npm {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  return (home, args) => program(home, 'npm', [...args, ...quiet, ...options]);
}

/** Runs a program and returns what it says; what it says is in the error if it fails. */
async function program(cwd: string, command: string, args: readonly string[], limits: { timeout?: number } = {}) {
  const { code, output } = await ask(command, args, { cwd, ...limits });
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with code ${code}:\n${output}`);
  return output;
}

/** A package and all that it makes npm install, optional peers aside. */
function closure(
  {
    packages,
  }: {
    packages: Record<
      string,
      {
        dependencies?: object;
        peerDependencies?: object;
        peerDependenciesMeta?: Record<string, { optional?: boolean }>;
      }
    >;
  },
  name: string,
) {
  const found = new Set();
  /** @returns where Node.js finds it, seen from a path */
  const locate = (path: string, wanted: string): string | undefined => {
    const candidate = `${path && `${path}/`}node_modules/${wanted}`;
    if (candidate in packages) return candidate;
    return path === '' ? undefined : locate(path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/'))), wanted);
  };
  const visit = (path: string, wanted: string) => {
    const at = locate(path, wanted);
    if (at === undefined || found.has(at)) return;
    found.add(at);
    const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = packages[at] ?? {};
    for (const next of Object.keys(dependencies)) visit(at, next);
    for (const next of Object.keys(peerDependencies)) if (!peerDependenciesMeta[next]?.optional) visit(at, next);
  };
  visit('', name);
  return found;
}
