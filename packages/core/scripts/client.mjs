// Makes the built modules for pages a module of core, so that whatever bundles an application has them as text: a Worker has no files.
// `node scripts/client.mjs`, after the builds of @latchkey/browser and @latchkey/elements. The tests build both by themselves and call this.
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What is written. */
export const CLIENT_MODULE = fileURLToPath(new URL('../src/client-module.ts', import.meta.url));

/** @param {Record<'client.js' | 'elements.js', string>} built where each built file is */
export function writeClientModule(built) {
  const members = Object.entries(built).map(([name, file]) => {
    const source = readFileSync(file, 'utf8');
    const tag = createHash('sha256').update(source).digest('base64url').slice(0, 22);
    return `  '${name}': { source: ${JSON.stringify(source)}, etag: '"${tag}"' },`;
  });
  const text = [
    '/** The built modules for pages, and their entity tags. Written by scripts/client.mjs. */',
    '',
    '/** The browser client, and the elements, which load the client beside them. */',
    "export type ClientFile = 'client.js' | 'elements.js';",
    '',
    'export const CLIENT_FILES: Readonly<Record<ClientFile, { readonly source: string; readonly etag: string }>> = {',
    ...members,
    '};',
  ];
  // In one step: a build beside this one may be reading it.
  const unfinished = `${CLIENT_MODULE}.${process.pid}`;
  writeFileSync(unfinished, `${text.join('\n')}\n`);
  renameSync(unfinished, CLIENT_MODULE);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  /** @param {string} path */
  const built = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  writeClientModule({
    'client.js': built('browser/dist/client.js'),
    'elements.js': built('elements/dist/elements.js'),
  });
}
