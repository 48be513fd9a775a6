// Makes the built browser client a module of core, so that whatever bundles an application has it as text: a Worker has no files.
// `node scripts/client.mjs`, after the build of @latchkey/browser. The tests build the client by themselves and call this.
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What is written. */
export const CLIENT_MODULE = fileURLToPath(new URL('../src/client-module.ts', import.meta.url));

/** @param {string} file the built client.js */
export function writeClientModule(file) {
  const source = readFileSync(file, 'utf8');
  const tag = createHash('sha256').update(source).digest('base64url').slice(0, 22);
  const text = [
    '/** The built browser client, one ES module, and its entity tag. Written by scripts/client.mjs. */',
    `export const source: string = ${JSON.stringify(source)};`,
    `export const etag: string = '"${tag}"';`,
  ];
  // In one step: a build beside this one may be reading it.
  const unfinished = `${CLIENT_MODULE}.${process.pid}`;
  writeFileSync(unfinished, `${text.join('\n')}\n`);
  renameSync(unfinished, CLIENT_MODULE);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeClientModule(fileURLToPath(new URL('../../browser/dist/client.js', import.meta.url)));
}
