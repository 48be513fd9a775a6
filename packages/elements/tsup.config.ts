// Two builds of one source: the package's entries, left readable for the application's own bundler, and what is sent to pages
// without one: minified modules that find the client beside them.
import { defineConfig, type Options } from 'tsup';

/** The client is loaded once, whether a page asks for it itself or not. */
const clientBeside: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'client-beside',
  setup: (build) => {
    build.onResolve({ filter: /^@latchkey\/browser$/ }, () => ({ path: './client.js', external: true }));
  },
};

export default defineConfig([
  {
    entry: ['src/index.ts', 'src/only-sign-in.ts', 'src/languages.ts'],
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    clean: ['!elements.js', '!elements-sign-in.js'],
  },
  {
    entry: { elements: 'src/index.ts', 'elements-sign-in': 'src/only-sign-in.ts' },
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    minify: true,
    splitting: false,
    noExternal: [/^@latchkey\/browser/],
    esbuildPlugins: [clientBeside],
    // The sentences come from the sources too, so that nothing has to be built first.
    esbuildOptions: (options) => {
      options.conditions = ['latchkey-source'];
      // Modules are UTF-8, whatever a server says: as escapes, Japanese takes twice the room.
      options.charset = 'utf8';
    },
  },
]);
