// `npm run bench`: what a sign-in costs, beside the least it can cost and beside other ways to do it. Apart from `npm test`:
// a figure needs a machine that does nothing else, and is never a gate.
import { install, isInstalled, tool } from './workspace.mjs';

process.exitCode = isInstalled() || (await install()) === 0 ? await bench() : 1;

function bench() {
  const flags = ['--conditions=latchkey-source', '--disable-warning=ExperimentalWarning'];
  return tool('node', [...flags, 'bench/src/bench.ts', ...process.argv.slice(2)]);
}
