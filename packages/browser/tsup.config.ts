// Two builds of one source: the package's entry, left readable for the application's own bundler, and client.js, the one
// minified module that the server sends to pages without a bundler.
import { defineConfig } from 'tsup';

export default defineConfig([
  {
    entry: ['src/index.ts', 'src/sentences.ts'],
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    clean: ['!client.js'],
  },
  { entry: { client: 'src/client.ts' }, format: 'esm', target: 'es2022', platform: 'browser', minify: true },
]);
