// Before the tests run: the one thing that the sources cannot give them, the browser client that core serves as /client.js. It is
// built where it is missing or older than what it is made of, which takes a second.
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CLIENT_MODULE, writeClientModule } from '../../packages/core/scripts/client.mjs';
import { ROOT } from '../workspace.mjs';

const BROWSER = join(ROOT, 'packages/browser');

/** Called by vitest. */
export async function setup(): Promise<void> {
  const sources = globSync(['src/**/*', 'tsup.config.ts', 'package.json'], { cwd: BROWSER });
  const changedAt = Math.max(...sources.map((file) => statSync(join(BROWSER, file)).mtimeMs));
  const builtAt = statSync(CLIENT_MODULE, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (builtAt > changedAt) return;
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
  try {
    await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsup'), ['--out-dir', folder], { cwd: BROWSER });
    writeClientModule(join(folder, 'client.js'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
