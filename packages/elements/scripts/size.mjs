// Fails the build when the elements grow past what a page should have to load, minified and brotli-compressed, without the
// client beside them: 12 kB all together, 6 kB for sign-in alone, in another language too.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';

/** @param {string} name */
function sizeOf(name) {
  const module = readFileSync(new URL(`../dist/${name}`, import.meta.url));
  return brotliCompressSync(module, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

/** @type {[limit: number, ...modules: string[]][]} */
const pages = [
  [12_000, 'elements.js'],
  ...['de', 'es', 'fr', 'ja'].map(
    (code) => /** @type {const} */ ([6_000, 'elements/sign-in.js', `elements/${code}.js`]),
  ),
];
for (const [limit, ...modules] of pages) {
  const size = modules.reduce((sum, name) => sum + sizeOf(name), 0);
  console.log(`${modules.join(' and ')}: ${size} bytes after brotli (limit ${limit})`);
  if (size > limit) process.exitCode = 1;
}
