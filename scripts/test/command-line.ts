// Before the tests run: `latchkey` from its sources, with what it imports in a few files. The tests start it hundreds of
// times, and to load hundreds of files takes two thirds of each start.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const PACKAGE = join(import.meta.dirname, '../../packages/cli');
/** Below the package, whose database drivers it finds from there. */
const HOME = join(PACKAGE, 'node_modules/.cache/latchkey');
export const LATCHKEY = join(HOME, 'dist/main.js');

/** Called by vitest. */
export async function setup(): Promise<void> {
  mkdirSync(HOME, { recursive: true });
  copyFileSync(join(PACKAGE, 'package.json'), join(HOME, 'package.json'));
  await build({
    entryPoints: [join(PACKAGE, 'src/main.ts')],
    outdir: join(HOME, 'dist'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22',
    conditions: ['latchkey-source'],
    // What was CommonJS asks for Node.js' own modules by `require`.
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module';\nconst require = makeRequire(import.meta.url);",
    },
    external: ['pg', 'mysql2', 'ioredis'],
    logLevel: 'error',
  });
}
