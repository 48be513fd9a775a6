// Puts beside the package what it publishes besides code: the record's JSON Schema.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ATTEMPT_SCHEMA } from '../dist/index.js';

const root = new URL('../', import.meta.url);
mkdirSync(new URL('schema', root), { recursive: true });
writeFileSync(new URL('schema/attempt.schema.json', root), `${JSON.stringify(ATTEMPT_SCHEMA, null, 2)}\n`);

const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
if (!readFileSync(new URL('src/version.ts', root), 'utf8').includes(`'${version}'`)) {
  throw new Error(`src/version.ts does not say ${version}, as package.json does`);
}
