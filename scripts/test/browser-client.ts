// Before the tests run: what the sources cannot give them, the modules that core serves to pages. They are built where they are
// missing or older than what they are made of, which takes a second.
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../workspace.mjs';

const SERVED = join(ROOT, 'packages/core/client');

/** Called by vitest. */
export async function setup(): Promise<void> {
  await build('client.js', 'browser');
  // The sentences of the client are in the elements.
  await build('elements.js', 'elements', ['browser']);
}

/** @param also packages whose sources are in the module as well */
async function build(name: string, of: string, also: readonly string[] = []): Promise<void> {
  const built = join(SERVED, name);
  const sources = [of, ...also].flatMap((room) =>
    globSync(['src/**/*', 'tsup.config.ts', 'package.json'], { cwd: join(ROOT, 'packages', room) }).map((file) =>
      join(ROOT, 'packages', room, file),
    ),
  );
  const changedAt = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  if ((statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0) > changedAt) return;
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
  try {
    await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsup'), ['--out-dir', folder], {
      cwd: join(ROOT, 'packages', of),
    });
    mkdirSync(SERVED, { recursive: true });
    cpSync(join(folder, name), built);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
