import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts'],
  format: 'esm',
  target: 'node22',
  clean: true,
  // `sideEffects: false` is for who bundles an application. Read here, it would drop the import of runtime.ts.
  esbuildOptions: (options) => {
    options.ignoreAnnotations = true;
  },
});
