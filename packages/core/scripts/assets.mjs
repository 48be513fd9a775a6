// Puts beside the package what it serves and publishes besides code: the built modules for pages and the record's JSON Schema.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ATTEMPT_SCHEMA } from '../dist/index.js';

const root = new URL('../', import.meta.url);
for (const folder of ['client', 'schema']) mkdirSync(new URL(folder, root), { recursive: true });
copyFileSync(new URL('../browser/dist/client.js', root), new URL('client/client.js', root));
copyFileSync(new URL('../elements/dist/elements.js', root), new URL('client/elements.js', root));
writeFileSync(new URL('schema/attempt.schema.json', root), `${JSON.stringify(ATTEMPT_SCHEMA, null, 2)}\n`);

const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
if (!readFileSync(new URL('src/version.ts', root), 'utf8').includes(`'${version}'`)) {
  throw new Error(`src/version.ts does not say ${version}, as package.json does`);
}
