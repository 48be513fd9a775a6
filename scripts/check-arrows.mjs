// Checks that packages depend on each other, and on the world, only along the arrows that the architecture allows.
// Adapters translate and stores store; neither can reach around core, and the page's half depends on nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What a package's sources may import: as `dependencies`, as `peerDependencies`, and which of them as types only.
 * devDependencies are free, for tests and builds; a source file may not import them.
 * @typedef {{ dependencies?: string[], peers?: string[], typesOnly?: string[] }} Arrows
 */

const CORE = '@latchkey/core';

/** @type {Record<string, Arrows>} */
const ALLOWED = {
  core: { dependencies: ['@simplewebauthn/server', 'rate-limiter-flexible'], peers: ['@opentelemetry/api'] },
  browser: {},
  testing: { peers: [CORE] },
  redis: { peers: [CORE, 'ioredis'], typesOnly: [CORE] },
  sql: { peers: [CORE, 'kysely'], typesOnly: [CORE] },
  audit: { peers: [CORE], typesOnly: [CORE] },
  express: { peers: [CORE, 'express'] },
  koa: { peers: [CORE, 'koa'] },
  fastify: { dependencies: ['fastify-plugin'], peers: [CORE, 'fastify'] },
  cli: {
    dependencies: [
      ...[CORE, '@latchkey/sql', '@latchkey/redis', '@latchkey/audit'],
      ...['@opentelemetry/api', 'commander', 'csv-parse', 'kysely', 'tldts'],
    ],
    peers: ['better-sqlite3', 'ioredis', 'mysql2', 'pg'],
  },
};

/** @param {string} root the repository @returns {string[]} a sentence for each arrow that is not allowed */
export function forbiddenArrows(root) {
  return readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .flatMap((name) => {
      const arrows = ALLOWED[name];
      if (arrows === undefined)
        return [`packages/${name} has no row in scripts/check-arrows.mjs: say what it may import.`];
      return [...manifestFaults(root, name, arrows), ...sourceFaults(root, name, arrows)];
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
function sourceFaults(root, name, { dependencies = [], peers = [], typesOnly = [] }) {
  const home = join(root, 'packages', name);
  const allowed = [...dependencies, ...peers];
  return sourceFiles(join(home, 'src')).flatMap((file) =>
    importsOf(readFileSync(file, 'utf8')).flatMap(({ from, isType, line }) => {
      const place = `${relative(root, file)}:${line}`;
      if (from.startsWith('.')) {
        const inside = !relative(home, resolve(dirname(file), from)).startsWith('..');
        return inside ? [] : [`${place}: ${from} leaves the package.`];
      }
      if (isBuiltin(from)) return name === 'browser' ? [`${place}: ${from} does not exist in a browser.`] : [];
      const target = packageOf(from);
      if (!allowed.includes(target)) return [`${place}: ${name} may not import ${target}.`];
      return typesOnly.includes(target) && !isType ? [`${place}: ${name} may import only types from ${target}.`] : [];
    }),
  );
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
 * @returns {{ from: string, isType: boolean, line: number }[]}
 */
export function importsOf(source) {
  const statement = /^[ \t]*(?:import|export)\b(\s+type\b)?(?:[^'"`;=()]*?\bfrom\b)?\s*(['"])([^'"\n]+)\2/gm;
  const call = /(?<!^\s*\*.*|\/\/.*)\b(?:import|require)\s*\(\s*(['"])([^'"\n]+)\1/gm;
  /** @param {number | undefined} index */
  const lineAt = (index) => source.slice(0, index).split('\n').length;
  return [
    ...[...source.matchAll(statement)].map((found) => ({
      from: found[3] ?? '',
      isType: found[1] !== undefined,
      line: lineAt(found.index),
    })),
    ...[...source.matchAll(call)].map((found) => ({ from: found[2] ?? '', isType: false, line: lineAt(found.index) })),
  ];
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
