// Fails the build when the hooks grow past 2,000 bytes after brotli, as they are shipped: readable, without React and the client.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

const limit = 2_000;
const hooks = readFileSync(new URL('../dist/index.js', import.meta.url));
const { length } = brotliCompressSync(hooks, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });

console.log(`index.js: ${length} bytes after brotli (limit ${limit}), ${hooks.length} readable`);
if (length > limit) process.exit(1);
