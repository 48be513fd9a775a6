// Fails the build when client.js grows past what a sign-in page should have to load: 4,640 bytes, minified and brotli-compressed.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

const limit = 4_640;
const client = readFileSync(new URL('../dist/client.js', import.meta.url));
const { length } = brotliCompressSync(client, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });

console.log(`client.js: ${length} bytes after brotli (limit ${limit}), ${client.length} minified`);
if (length > limit) {
  console.error(
    'client.js: too large. Take something out, or raise the limit in packages/browser/scripts/size.mjs and where the guides name it.',
  );
  process.exit(1);
}
