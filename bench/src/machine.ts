/** A figure without its machine and its versions means nothing. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';

const COMPARED = [
  'express',
  'express-session',
  'koa',
  'koa-session',
  'fastify',
  '@fastify/session',
  '@simplewebauthn/server',
  'better-auth',
  '@better-auth/passkey',
  'better-sqlite3',
  'pg',
  'ioredis',
];

/** The machine and the versions, in a few lines. */
export function machine(): string {
  const [cpu] = cpus();
  const [load = 0] = loadavg();
  return [
    `${cpu?.model.trim()}, ${availableParallelism()} of them, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${type()} ${release()}; load at the start ${load.toFixed(1)}`,
    `Node.js ${process.version}, V8 ${process.versions.v8}, OpenSSL ${process.versions.openssl}`,
    COMPARED.map((name) => `${name} ${versionOf(name)}`).join(', '),
  ].join('\n');
}

const require = createRequire(import.meta.url);

/** Not every package exports its package.json. */
function versionOf(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version;
    } catch {}
  }
  return `in ${dirname(require.resolve(name))}`;
}
