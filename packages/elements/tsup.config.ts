// Two builds of one source: the package's entries, left readable for the application's own bundler, and what is sent to pages
// without one: minified modules that find the client beside them, or above the folder that they are in.
import { defineConfig, type Options } from 'tsup';

/** The client is loaded once, whether a page asks for it itself or not. */
const clientAt = (path: string): NonNullable<Options['esbuildPlugins']>[number] => ({
  name: 'client-at',
  setup: (build) => {
    build.onResolve({ filter: /^@latchkey\/browser$/ }, () => ({ path, external: true }));
  },
});

const forPages = (entry: Record<string, string>, client: string): Options => ({
  entry,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  minify: true,
  splitting: false,
  noExternal: [/^@latchkey\/browser/],
  esbuildPlugins: [clientAt(client)],
  esbuildOptions: (options) => {
    // The sentences come from the sources too, so that nothing has to be built first.
    options.conditions = ['latchkey-source'];
    // Modules are UTF-8, whatever a server says: as escapes, Japanese takes twice the room.
    options.charset = 'utf8';
  },
});

const languages = ['de', 'es', 'fr', 'ja'].map((code) => [`elements/${code}`, `src/words/${code}.ts`]);

export default defineConfig([
  {
    entry: ['src/index.ts', 'src/only-sign-in.ts', 'src/languages.ts'],
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    clean: ['!elements.js', '!elements'],
  },
  forPages({ elements: 'src/index.ts' }, './client.js'),
  forPages({ 'elements/sign-in': 'src/only-sign-in.ts', ...Object.fromEntries(languages) }, '../client.js'),
]);
