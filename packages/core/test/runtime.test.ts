/** An old Node.js is told so in one sentence, before anything is evaluated that it lacks. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const INDEX = new URL('../src/index.ts', import.meta.url).href;
const SENTENCE = 'Latchkey needs Node.js 22.16 or newer; this is';

/** Imports core where Node.js calls itself `version` and, as the old ones, knows no `Map.groupBy`. Resolves to the error's message. */
async function importOn(version: string): Promise<string> {
  const old = `delete Map.groupBy; Object.defineProperty(process, 'versions', { value: { node: '${version}' } });`;
  const script = `await import('${INDEX}').then(() => console.log('imported'), ({ message }) => console.log(message));`;
  const args = ['--conditions=latchkey-source', '--import', `data:text/javascript,${encodeURIComponent(old)}`];
  const { stdout } = await promisify(execFile)(process.execPath, [...args, '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  return stdout.trim();
}

test.each(['20.20.2', '22.15.1'])('Node.js %s is too old', async (version) => {
  expect(await importOn(version)).toContain(SENTENCE);
});

test.each(['22.16.0', '100.1.0'])('Node.js %s is not', async (version) => {
  expect(await importOn(version)).toBe('Map.groupBy is not a function');
});
