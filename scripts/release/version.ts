// `npm run release:version`: turns the changesets into versions and changelogs, one version for all packages, and has
// core's sources say the same.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, tool } from '../workspace.mjs';

const code = await tool('changeset', ['version']);
if (code === 0) {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'packages/core/package.json'), 'utf8'));
  const file = join(ROOT, 'packages/core/src/version.ts');
  const source = readFileSync(file, 'utf8');
  writeFileSync(file, source.replace(/'\d[^']*'/, `'${version}'`));
}
process.exitCode = code;
