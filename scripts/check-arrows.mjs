// Checks that packages depend on each other, and on the world, only along the arrows that the architecture allows.
// Adapters translate and stores store; neither can reach around core, and the page's half depends on nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What a package's sources may import: as `dependencies`, and as `peerDependencies`.
 * devDependencies are free, for tests and builds; a source file may not import them.
 * @typedef {{ dependencies?: string[], peers?: string[] }} Arrows
 */

const CORE = '@latchkey/core';

/** What runs in pages. */
const IN_PAGES = ['browser', 'elements', 'react'];

/** @type {Record<string, Arrows>} */
const ALLOWED = {
  core: { dependencies: ['@levischuck/tiny-cbor', '@simplewebauthn/server'], peers: ['@opentelemetry/api'] },
  browser: {},
  elements: { dependencies: ['@latchkey/browser'] },
  react: { dependencies: ['@latchkey/browser', '@latchkey/elements'], peers: ['react'] },
  testing: { peers: [CORE] },
  redis: { peers: [CORE] },
  sql: { peers: [CORE, 'kysely'] },
  audit: { peers: [CORE, '@opentelemetry/api'] },
  console: { peers: [CORE] },
  express: { peers: [CORE, 'express'] },
  koa: { peers: [CORE, 'koa'] },
  fastify: { dependencies: ['fastify-plugin'], peers: [CORE, 'fastify'] },
  fetch: { peers: [CORE] },
  next: { dependencies: ['@latchkey/fetch'], peers: [CORE, 'next'] },
  cli: {
    dependencies: [
      ...[CORE, '@latchkey/sql', '@latchkey/redis', '@latchkey/audit'],
      ...['@opentelemetry/api', 'commander', 'csv-parse', 'kysely', 'tldts'],
    ],
    // The last is only in the text of a file that `init` writes.
    peers: ['ioredis', 'mysql2', 'pg', 'better-sqlite3'],
  },
};

/**
 * The folders and files of a package's `src/`, from the lowest to the highest: each imports only from those before it, and
 * from its own. What stands in one list is one floor. A package without a row has no order.
 * @type {Record<string, readonly string[][]>}
 */
const FLOORS = {
  core: [
    [
      'runtime.ts',
      'random.ts',
      'address.ts',
      'version.ts',
      'deadline.ts',
      'batches.ts',
      'names.ts',
      'client-module.ts',
    ],
    ['record'],
    ['store'],
    ['errors.ts'],
    ['duration.ts'],
    ['webauthn'],
    ['options.ts'],
    ['adapter.ts'],
    ['config'],
    ['signals'],
    ['ceremony'],
    ['http'],
    ['sweep.ts'],
    ['index.ts'],
  ],
  testing: [['passkey', 'store-contract'], ['agent.ts'], ['site.ts'], ['http-contract'], ['index.ts']],
};

/** @param {string} root the repository @returns {string[]} a sentence for each arrow that is not allowed */
export function forbiddenArrows(root) {
  return readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .flatMap((name) => {
      const arrows = ALLOWED[name];
      if (arrows === undefined)
        return [`packages/${name} has no row in scripts/check-arrows.mjs: say what it may import.`];
      return [...manifestFaults(root, name, arrows), ...sourceFaults(root, name, arrows), ...circles(root, name)];
    });
}

/** @param {string} root @param {string} name @param {Arrows} arrows */
function manifestFaults(root, name, { dependencies = [], peers = [] }) {
  const file = `packages/${name}/package.json`;
  const manifest = JSON.parse(readFileSync(join(root, file), 'utf8'));
  /** @param {string} kind @param {readonly string[]} allowed */
  const faults = (kind, allowed) =>
    Object.keys(manifest[kind] ?? {})
      .filter((dependency) => !allowed.includes(dependency))
      .map((dependency) => `${file}: ${dependency} is not allowed in ${kind}.`);
  return [
    ...faults('dependencies', dependencies),
    ...faults('peerDependencies', peers),
    ...faults('optionalDependencies', []),
  ];
}

/** @param {string} root @param {string} name @param {Arrows} arrows */
function sourceFaults(root, name, { dependencies = [], peers = [] }) {
  const home = join(root, 'packages', name);
  const allowed = [...dependencies, ...peers];
  return sourceFiles(join(home, 'src')).flatMap((file) =>
    importsOf(readFileSync(file, 'utf8')).flatMap(({ from, line }) => {
      const place = `${relative(root, file)}:${line}`;
      if (from.startsWith('.')) {
        const target = resolve(dirname(file), from);
        if (relative(home, target).startsWith('..')) return [`${place}: ${from} leaves the package.`];
        return upward(name, relative(join(home, 'src'), file), relative(join(home, 'src'), target)).map(
          (fault) => `${place}: ${fault}`,
        );
      }
      if (isBuiltin(from)) return IN_PAGES.includes(name) ? [`${place}: ${from} does not exist in a browser.`] : [];
      const target = packageOf(from);
      return allowed.includes(target) ? [] : [`${place}: ${name} may not import ${target}.`];
    }),
  );
}

/**
 * Files that import each other in a circle, types included: nobody can read one of them first.
 * @param {string} root @param {string} name @returns {string[]} a sentence for each circle
 */
function circles(root, name) {
  const home = join(root, 'packages', name, 'src');
  const imports = new Map(
    sourceFiles(home).map((file) => [
      file,
      importsOf(readFileSync(file, 'utf8'))
        .filter(({ from }) => from.startsWith('.'))
        .map(({ from }) => resolve(dirname(file), from)),
    ]),
  );
  const done = new Set();
  /** @type {string[]} */
  const found = [];
  /** @param {string} file @param {readonly string[]} path */
  const follow = (file, path) => {
    if (path.includes(file)) {
      const circle = [...path.slice(path.indexOf(file)), file].map((each) => relative(home, each));
      found.push(`packages/${name}: ${circle.join(' -> ')} is a circle.`);
    } else if (!done.has(file)) {
      for (const target of imports.get(file) ?? []) follow(target, [...path, file]);
      done.add(file);
    }
  };
  for (const file of imports.keys()) follow(file, []);
  return found;
}

/**
 * Nothing where an import stays in its folder or goes down; else a sentence.
 * @param {string} name the package @param {string} file @param {string} target both below `src/` @returns {string[]}
 */
function upward(name, file, target) {
  const floors = FLOORS[name];
  if (floors === undefined) return [];
  const [from = '', to = ''] = [file, target].map((path) => path.split('/')[0]);
  /** @param {string} place */
  const floor = (place) => floors.findIndex((places) => places.includes(place));
  const unknown = [from, to].find((place) => floor(place) === -1);
  if (unknown !== undefined)
    return [`${unknown} has no place in FLOORS of scripts/check-arrows.mjs: say where it stands.`];
  return from === to || floor(to) < floor(from) ? [] : [`${from} may not import ${to}, which stands above it.`];
}

/** @param {string} folder @returns {string[]} */
function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return /\.[cm]?[jt]sx?$/.test(entry.name) ? [path] : [];
  });
}

/**
 * What a module names in import, export … from, import() and require().
 * @param {string} source
 * @returns {{ from: string, line: number }[]}
 */
export function importsOf(source) {
  const statement = /^[ \t]*(?:import|export)\b(?:\s+type\b)?(?:[^'"`;=()]*?\bfrom\b)?\s*(['"])([^'"\n]+)\1/gm;
  const call = /(?<!^\s*\*.*|\/\/.*)\b(?:import|require)\s*\(\s*(['"])([^'"\n]+)\1/gm;
  /** @param {number | undefined} index */
  const lineAt = (index) => source.slice(0, index).split('\n').length;
  return [...source.matchAll(statement), ...source.matchAll(call)].map((found) => ({
    from: found[2] ?? '',
    line: lineAt(found.index),
  }));
}

/** `@scope/name/path` belongs to `@scope/name`. @param {string} specifier */
function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = forbiddenArrows(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
