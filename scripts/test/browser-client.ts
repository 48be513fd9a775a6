// Before the tests run: what the sources cannot give them, the modules that core serves to pages. They are built where they are
// missing or older than what they are made of, which takes a second or two.
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { CLIENT_MODULE, writeClientModule } from '../../packages/core/scripts/client.mjs';
import { ROOT } from '../workspace.mjs';

/** The sentences of the client are in the elements. */
const ROOMS = ['browser', 'elements'].map((name) => join(ROOT, 'packages', name));

/** Called by vitest. */
export async function setup(): Promise<void> {
  const sources = ROOMS.flatMap((room) =>
    globSync(['src/**/*', 'tsup.config.ts', 'package.json'], { cwd: room }).map((file) => join(room, file)),
  );
  sources.push(join(ROOT, 'packages/core/scripts/client.mjs'));
  const changedAt = Math.max(...sources.map((file) => statSync(file).mtimeMs));
  const builtAt = statSync(CLIENT_MODULE, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (builtAt > changedAt) return;
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-client-'));
  try {
    const tsup = join(ROOT, 'node_modules/.bin/tsup');
    // Into a folder each: a build removes what it finds.
    for (const room of ROOMS)
      await promisify(execFile)(tsup, ['--out-dir', join(folder, basename(room))], { cwd: room });
    writeClientModule((room) => join(folder, room));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
