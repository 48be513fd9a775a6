import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/elements.ts'],
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  clean: true,
});
