// Makes the built modules for pages a module of core, so that whatever bundles an application has them as text: a Worker has no files.
// `node scripts/client.mjs`, after the builds of @latchkey/browser and @latchkey/elements. The tests build both by themselves and call this.
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What is written. */
export const CLIENT_MODULE = fileURLToPath(new URL('../src/client-module.ts', import.meta.url));

/** What is served, and which package has built it. */
const FILES = {
  'client.js': 'browser',
  'elements.js': 'elements',
  'elements/sign-in.js': 'elements',
  'elements/de.js': 'elements',
  'elements/es.js': 'elements',
  'elements/fr.js': 'elements',
  'elements/ja.js': 'elements',
};

/** @param {(builder: string) => string} folderOf where a package's built files are */
export function writeClientModule(folderOf) {
  const members = Object.entries(FILES).map(([name, builder]) => {
    const source = readFileSync(join(folderOf(builder), name), 'utf8');
    const tag = createHash('sha256').update(source).digest('base64url').slice(0, 22);
    return `  '${name}': { source: ${JSON.stringify(source)}, etag: '"${tag}"' },`;
  });
  const text = [
    '/** The built modules for pages, and their entity tags. Written by scripts/client.mjs. */',
    '',
    '/** The browser client; the elements, and sign-in alone, which load the client; and a language each. */',
    `export type ClientFile = ${Object.keys(FILES)
      .map((name) => `'${name}'`)
      .join(' | ')};`,
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
  writeClientModule((builder) => fileURLToPath(new URL(`../../${builder}/dist`, import.meta.url)));
}
