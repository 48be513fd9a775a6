// `npm run demo` and `npm run monitoring`: from a clean clone to a running example in one command, with nothing but Node.js 20
// and npm. What it does is said on stderr; stdout belongs to the example, and so do the arguments: `npm run demo -- --help`.

import { interrupted, run } from './programs.mjs';
import { install, isInstalled, NODE, ROOT, timeSince, turbo } from './workspace.mjs';

/**
 * Installs, builds and runs an example, and resolves to its exit code.
 * @param {string} name what it is called here
 * @param {{ package: string, file: string, env?: () => Promise<NodeJS.ProcessEnv> }} example
 */
export async function runExample(name, example) {
  return (
    (isInstalled()
      ? 0
      : await step('installs what it needs (the first time, and when the lockfile changed)', install)) ||
    (await step('builds what has changed', () => turbo('build', `--filter=${example.package}...`))) ||
    (await start())
  );

  async function start() {
    const env = { ...process.env, ...(await example.env?.()) };
    say('starts');
    return run(NODE, [example.file, ...process.argv.slice(2)], { cwd: ROOT, env });
  }

  /**
   * @param {string} what
   * @param {() => Promise<number>} action answers an exit code
   */
  async function step(what, action) {
    say(`${what} …`);
    const since = performance.now();
    const code = await action();
    if (interrupted() === undefined) say(code === 0 ? `  ${timeSince(since)}` : `  failed after ${timeSince(since)}`);
    return code;
  }

  /** @param {string} line */
  function say(line) {
    console.error(`${name}: ${line}`);
  }
}
