/**
 * Who writes to a log, and who ended without closing it. Beside the log each process has an empty marker, which it holds
 * locked. The kernel takes the lock away when the process ends, however it ends; so a marker that can be locked is left of a
 * process that is gone. Process ids, which are given again, are in its name for people only.
 *
 * The lock is SQLite's on an empty file (fcntl): Node.js has no other. It holds between containers with one volume, and on
 * NFS as far as that server grants locks.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

/** Logs that this process has open. */
const open = new Set<string>();

/** A process, for people: `process 17 on host-a`. */
export type WriterName = string;

export interface Writing {
  /** Processes that had this log open, are gone, and did not close it. */
  readonly uncleanly: readonly WriterName[];
  /** Other processes that have it open now. */
  others(): readonly WriterName[];
  /** The log was closed. */
  end(): void;
}

/** This process writes to the log from now on. */
export function beginWriting(path: string): Writing {
  if (open.has(path)) {
    throw new Error(`fileSink: ${path} is open in this process already. Use that sink twice instead.`);
  }
  const uncleanly = markersOf(path).filter(removedIfLeft);
  const own = join(
    dirname(path),
    `${basename(path)}.open-${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`,
  );
  const lock = lockedMarker(own);
  open.add(path);
  return {
    uncleanly: uncleanly.map(nameOf),
    others: () =>
      markersOf(path)
        .filter((marker) => marker !== own && !removedIfLeft(marker))
        .map(nameOf),
    end() {
      if (!open.delete(path)) return;
      rmSync(own, { force: true });
      lock.close();
    },
  };
}

/** Other processes that have this log open now. Looks only: markers that are left stay. */
export function writersOf(path: string): readonly WriterName[] {
  return markersOf(path)
    .filter((marker) => {
      const lock = tryLock(marker);
      lock?.close();
      return lock === null;
    })
    .map(nameOf);
}

/**
 * `sign-ins.log.open-HOST-PID-RANDOM`: two containers may have the same host name and the same process id. While it is being
 * made it has another name, so that nobody finds it without its lock.
 */
const MARKER = /\.open-(.+)-(\d+)-[0-9a-f]{8}$/;

function markersOf(path: string): string[] {
  const prefix = `${basename(path)}.open-`;
  return readdirSync(dirname(path))
    .filter((file) => file.startsWith(prefix) && MARKER.test(file))
    .map((file) => join(dirname(path), file));
}

function nameOf(marker: string): WriterName {
  const [, host, pid] = MARKER.exec(marker)!;
  return `process ${pid} on ${host}`;
}

function lockedMarker(marker: string): DatabaseSync {
  const making = `${marker}.new`;
  closeSync(openSync(making, 'w', 0o600));
  const lock = tryLock(making);
  if (lock === null) throw new Error(`fileSink: ${making} is locked by another process.`);
  renameSync(making, marker);
  return lock;
}

/** Removes a marker whose process is gone, and says whether it did. */
function removedIfLeft(marker: string): boolean {
  const lock = tryLock(marker);
  if (lock === null) return false;
  rmSync(marker, { force: true });
  lock.close();
  return true;
}

let sqlite: typeof import('node:sqlite') | undefined;

/** Loads SQLite without the warning of Node.js 22 that its API may change: the little that is used here has not. */
function loadSqlite() {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Null when another process holds it. */
function tryLock(file: string): DatabaseSync | null {
  sqlite ??= loadSqlite();
  const database = new sqlite.DatabaseSync(file);
  try {
    // Another process may be looking at it just now, which takes no time. Without a journal there is no second file.
    database.exec('PRAGMA busy_timeout = 100; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (thrown) {
    database.close();
    if ((thrown as { errcode?: unknown }).errcode === SQLITE_BUSY) return null;
    throw thrown;
  }
}

const SQLITE_BUSY = 5;
