/**
 * Takes a person out of a log. The personal members of their records and the salt beside them go; what stays still verifies,
 * in the chain and in evidence.
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { asObject } from './canonical.ts';
import { integrityOf, withoutPersonal } from './link.ts';
import { linesOf, rotatedFiles } from './log-files.ts';
import { writersOf } from './writers.ts';

/** What became of a person's records in one log. */
export interface ErasureReport {
  /** Records that were erased now. */
  readonly erased: number;
  /** Files that were written anew. */
  readonly files: readonly string[];
  /** Records of this user that are still there, because the current file is open in another process, or their lines cannot be erased. */
  readonly left: number;
  /** Who has the current file open: rotate it, and erase again. */
  readonly openIn: readonly string[];
}

/**
 * Erases the personal members of every record with this `user.id`, in the rotated files and, when no process has it open, in the
 * current one. Each file is replaced in one step. Records of a chain that has no `personal` seal stay, and are counted as `left`.
 */
export async function eraseUser({ path, userId }: { path: string; userId: string }): Promise<ErasureReport> {
  const log = resolve(path);
  const openIn = writersOf(log);
  const files: string[] = [];
  let erased = 0;
  let left = 0;
  for (const file of [...rotatedFiles(log), ...(existsSync(log) ? [log] : [])]) {
    const isOpen = file === log && openIn.length > 0;
    const counted = await countIn(file, userId);
    left += isOpen ? counted.erasable + counted.other : counted.other;
    if (isOpen || counted.erasable === 0) continue;
    await rewrite(file, userId);
    erased += counted.erasable;
    files.push(file);
  }
  return { erased, files, left, openIn };
}

async function countIn(file: string, userId: string): Promise<{ erasable: number; other: number }> {
  let erasable = 0;
  let other = 0;
  for await (const text of linesOf([file])) {
    if (!isOf(text, userId)) continue;
    if (erasedLine(text) === null) other += 1;
    else erasable += 1;
  }
  return { erasable, other };
}

async function rewrite(file: string, userId: string): Promise<void> {
  const written = `${file}.erasing`;
  const fd = openSync(written, 'w', statSync(file).mode & 0o777);
  try {
    for await (const text of linesOf([file])) {
      writeFileSync(fd, `${(isOf(text, userId) && erasedLine(text)) || text}\n`);
    }
    fsyncSync(fd);
  } catch (thrown) {
    closeSync(fd);
    rmSync(written, { force: true });
    throw thrown;
  }
  closeSync(fd);
  renameSync(written, file);
}

function isOf(text: string, userId: string): boolean {
  const line = asObject(text) as { user?: { id?: unknown } } | null;
  return line?.user?.id === userId;
}

/** The line without its personal members; null where that would break its chain. */
function erasedLine(text: string): string | null {
  const line = asObject(text)!;
  const integrity = integrityOf(line);
  if (integrity === null) {
    // No chain: nothing has to go on verifying.
    const { user: _, client: __, credential: ___, ...kept } = line as Record<string, unknown>;
    return JSON.stringify(kept);
  }
  if (integrity === 'malformed' || !integrity.personal?.members.includes('user')) return null;
  return JSON.stringify(withoutPersonal(line, integrity));
}
