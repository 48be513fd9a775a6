// `npm run soak`: hours or minutes of attempts at the machine's full rate, and what they do to memory, descriptors and
// records. Apart from `npm test`, because it takes as long as it is told to.
import { install, isInstalled, tool } from './workspace.mjs';

const USAGE = `npm run soak

Drives a server in a process of its own with good and bad attempts at the machine's full rate, and fails when its memory or
its descriptors grow, when an answer is a 5xx, or when an attempt has not exactly one record.

  SOAK_MINUTES   how long; 10 unless set
`;

if (process.argv.includes('--help') || process.argv.includes('-h')) process.stdout.write(USAGE);
else process.exitCode = isInstalled() || (await install()) === 0 ? await soak() : 1;

function soak() {
  const quiet = '--disable-warning=ExperimentalWarning';
  return tool('node', ['--conditions=latchkey-source', quiet, 'tests/soak/soak.ts']);
}
