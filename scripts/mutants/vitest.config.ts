// The tests, on sources with one mutant in them: MUTANT is its JSON. No file changes, so a run can be ended at any time.
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mergeConfig } from 'vitest/config';
import ordinary from '../../vitest.config.ts';
import { mutate } from './mutate.ts';

const { file, find, replace } = JSON.parse(process.env.MUTANT ?? '{}');
const ROOT = join(import.meta.dirname, '../..');
const BROWSER = 'packages/browser';
const path = file && join(ROOT, file);

/** Pages get a client.js that another process builds: from a copy of its sources, with the mutant in it. */
function browserWithMutant(): string {
  const copy = mkdtempSync(join(tmpdir(), 'latchkey-mutant-'));
  process.once('exit', () => rmSync(copy, { recursive: true, force: true }));
  for (const part of ['src', 'tsup.config.ts', 'package.json']) {
    cpSync(join(ROOT, BROWSER, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  writeFileSync(join(copy, file.slice(BROWSER.length)), mutate(readFileSync(path, 'utf8'), { file, find, replace }));
  return copy;
}

const config = mergeConfig(ordinary, {
  root: ROOT,
  // A cache of transformed modules knows nothing of mutants.
  test: {
    fsModuleCache: false,
    env: { ...(file?.startsWith(`${BROWSER}/`) && { LATCHKEY_BROWSER: browserWithMutant() }) },
  },
  plugins: [
    {
      name: 'mutant',
      enforce: 'pre',
      transform: (code: string, id: string) =>
        id.split('?')[0] === path ? { code: mutate(code, { file, find, replace }), map: null } : undefined,
    },
  ],
});

// No mutant is in the command line: two runs at once would only write it over each other.
config.test.globalSetup = ['scripts/test/browser-client.ts'];
export default config;
