/** Latchkey as the users of Workers bundle it, and how large that may be: one ES module that imports only what workerd has itself. */
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';

/** What a Worker needs of workerd: `node:crypto`, `Buffer`, `process`. */
export const COMPATIBILITY = { compatibilityDate: '2026-07-01', compatibilityFlags: ['nodejs_compat'] };

/** How large core and fetch may be together, with all that they need: minified and compressed by gzip, in bytes. docs/fetch.md says it. */
export const BUNDLE_LIMIT = 186_000;

/** The text of a bundle. @param what `entryPoints` or `stdin`, and whatever else differs from one Worker to another */
export async function bundleWorker({ conditions = [], ...what }: BuildOptions): Promise<string> {
  const { outputFiles = [] } = await build({
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    platform: 'browser',
    conditions: [...conditions, 'workerd', 'worker', 'browser'],
    external: ['node:*', 'cloudflare:*'],
    // For what is CommonJS and requires a module of Node.js.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/');" },
    logLevel: 'error',
    plugins: [
      {
        name: 'modules of Node.js that are named without node:',
        setup: ({ onResolve }) =>
          onResolve({ filter: /^[\w/]+$/ }, ({ path }) =>
            isBuiltin(path) ? { path: `node:${path}`, external: true } : undefined,
          ),
      },
    ],
    ...what,
  });
  return outputFiles[0]?.text ?? '';
}

/** The bundle of core and fetch, built, with everything that they need: its size in bytes. */
export async function bundleSize(): Promise<number> {
  const contents = "export * from '@latchkey/core'; export * from '@latchkey/fetch';";
  const stdin = { contents, resolveDir: fileURLToPath(new URL('../../packages/fetch', import.meta.url)) };
  return gzipSync(await bundleWorker({ stdin, minify: true }), { level: 9 }).length;
}
