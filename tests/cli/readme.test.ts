/** The example in the package's README: run as it stands there, it prints what stands there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folder, latchkey } from './latchkey.ts';

test('the example prints what the README says', async () => {
  const readme = readFileSync(join(import.meta.dirname, '../../packages/cli/README.md'), 'utf8');
  const blocks = (language: string) =>
    [...readme.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, text]) => text!);
  const place = folder();
  writeFileSync(join(place, 'passkeys.json'), blocks('json')[0]!);
  const [, commands] = blocks('sh');
  const env: Record<string, string> = {};
  let printed = '';
  for (const line of commands!.trim().split('\n')) {
    const [, name, value] = /^export (\w+)=(.+)$/.exec(line) ?? [];
    if (name !== undefined) env[name] = value!;
    else printed += (await latchkey(line.replace('npx latchkey ', '').split(' '), env, place)).stdout;
  }
  expect(printed).toBe(blocks('text')[0]);
});
