// Fails the build when the elements grow past what a page should have to load, minified and brotli-compressed, without the
// client beside them: 12 kB all together, 6 kB for sign-in alone.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

const limits = { 'elements.js': 12_000, 'elements-sign-in.js': 6_000 };

for (const [name, limit] of Object.entries(limits)) {
  const module = readFileSync(new URL(`../dist/${name}`, import.meta.url));
  const { length } = brotliCompressSync(module, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  console.log(`${name}: ${length} bytes after brotli (limit ${limit}), ${module.length} minified`);
  if (length > limit) process.exitCode = 1;
}
