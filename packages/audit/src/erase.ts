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
  /**
   * How many records name their user by a pseudonym alone, by the id of its identity key, of which `userHashes` has none. Whether they
   * are this person's, nobody can tell.
   */
  readonly untold: Readonly<Record<string, number>>;
}

/** Whom to take out of which log. */
export interface Erasure {
  /** The log. Its rotated files are found by its name. */
  readonly path: string;
  /** The application's own id of the user. */
  readonly userId: string;
  /** Its pseudonyms by each identity key: `pseudonymizer([current, earlier]).pseudonyms(userId)`. For logs with `audit.logLine: 'pseudonyms'`. */
  readonly userHashes?: readonly string[];
}

/**
 * Erases the personal members of every record with this `user.id`, or with one of these in `user.hash`, in the rotated files and,
 * when no process has it open, in the current one. Each file is replaced in one step. Records of a chain that has no `personal` seal
 * stay, and are counted as `left`.
 */
export async function eraseUser({ path, userId, userHashes = [] }: Erasure): Promise<ErasureReport> {
  const log = resolve(path);
  const keysGiven = new Set(userHashes.map(keyIdOf));
  const untold = new Map<string, number>();
  const isTheirs: IsTheirs = (text) => {
    const { id, hash } = userIn(text);
    return id === userId || (typeof hash === 'string' && userHashes.includes(hash));
  };
  const look = (text: string) => {
    const { id = null, hash } = userIn(text);
    const keyId = id === null ? keyIdOf(hash) : null;
    if (keyId !== null && !keysGiven.has(keyId)) untold.set(keyId, (untold.get(keyId) ?? 0) + 1);
  };
  const openIn = writersOf(log);
  const files: string[] = [];
  let erased = 0;
  let left = 0;
  for (const file of [...rotatedFiles(log), ...(existsSync(log) ? [log] : [])]) {
    const isOpen = file === log && openIn.length > 0;
    const counted = await countIn(file, isTheirs, look);
    left += isOpen ? counted.erasable + counted.other : counted.other;
    if (isOpen || counted.erasable === 0) continue;
    await rewrite(file, isTheirs);
    erased += counted.erasable;
    files.push(file);
  }
  return { erased, files, left, openIn, untold: Object.fromEntries(untold) };
}

type IsTheirs = (text: string) => boolean;

async function countIn(
  file: string,
  isTheirs: IsTheirs,
  look: (text: string) => void,
): Promise<{ erasable: number; other: number }> {
  let erasable = 0;
  let other = 0;
  for await (const text of linesOf([file])) {
    look(text);
    if (!isTheirs(text)) continue;
    if (erasedLine(text) === null) other += 1;
    else erasable += 1;
  }
  return { erasable, other };
}

async function rewrite(file: string, isTheirs: IsTheirs): Promise<void> {
  const written = `${file}.erasing`;
  const fd = openSync(written, 'w', statSync(file).mode & 0o777);
  try {
    for await (const text of linesOf([file])) {
      writeFileSync(fd, `${(isTheirs(text) && erasedLine(text)) || text}\n`);
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

function userIn(text: string): { readonly id?: unknown; readonly hash?: unknown } {
  const { user } = (asObject(text) ?? {}) as { user?: object | null };
  return user ?? {};
}

/** The id of the identity key in a pseudonym; null for what is none. */
function keyIdOf(hash: unknown): string | null {
  return /^hmac-sha256:(\w+):/.exec(typeof hash === 'string' ? hash : '')?.[1] ?? null;
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
