// The tests, on sources with one mutant in them: MUTANT is its JSON. No file changes, so a run can be ended at any time.
import { join } from 'node:path';
import { mergeConfig } from 'vitest/config';
import ordinary from '../../vitest.config.ts';
import { mutate } from './mutate.ts';

const { file, find, replace } = JSON.parse(process.env.MUTANT ?? '{}');
const path = file && join(import.meta.dirname, '../..', file);

export default mergeConfig(ordinary, {
  root: join(import.meta.dirname, '../..'),
  // A cache of transformed modules knows nothing of mutants.
  test: { fsModuleCache: false },
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      transform: (code: string, id: string) =>
        id.split('?')[0] === path ? { code: mutate(code, { file, find, replace }), map: null } : undefined,
    },
  ],
});
