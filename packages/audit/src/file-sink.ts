/**
 * Records as JSON lines in a file. A line is whole or visibly torn, and what a crash took is said on the next start. One
 * write per line with O_APPEND: lines of several processes on one local file system never mix (NFS has no atomic append).
 */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  write,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConfigurationError } from '@latchkey/core';
import { bounded, inTime } from './bounded.ts';
import { endsTorn, recordsFromEnd, reserveRotated, rotatedFiles } from './log-files.ts';
import { countOf } from './options.ts';
import { reasonOf } from './outage.ts';
import type { LineSink, SinkOptions } from './sink.ts';
import { beginWriting } from './writers.ts';

/** Which file, how durable, and when it begins anew. */
export interface FileSinkOptions extends SinkOptions {
  /** The current file. Folders that are not there are made. */
  readonly path: string;
  /**
   * When a line reaches the disk itself. `always`: before the write resolves. `interval`: within a second. `never`: when
   * the operating system likes. A killed process loses none of what was written under any of them; a power cut does.
   */
  readonly fsync: 'always' | 'interval' | 'never';
  /** A line that would make the file larger begins a new one; the old one gets the instant added to its name. */
  readonly maxBytes?: number;
  /** How many rotated files stay. Default: all. */
  readonly keep?: number;
  /** Opens the path anew on this signal, after logrotate moved the file. The signal then no longer ends the process. */
  readonly reopenOn?: 'SIGHUP';
  /** What an operator should know. Default: a process warning. */
  readonly onNotice?: (notice: FileNotice) => void;
  /** Milliseconds since the epoch, for the names of rotated files. Default `Date.now`. */
  readonly clock?: () => number;
}

/** What an operator should know of a file. */
export interface FileNotice {
  /**
   * `unclean_end`: a process that wrote here is gone and had not closed the file: records it had in flight are lost.
   * `torn_line`: the last line had no end, so its writer was cut off in it, or is another process that was just writing it;
   * it was closed off by a newline. `lock_failed`: the file system grants no locks, so that an unclean end cannot be noticed,
   * and a hash chain refuses this file.
   */
  readonly kind: 'unclean_end' | 'torn_line' | 'lock_failed' | 'rotation_failed' | 'reopen_failed' | 'sync_failed';
  /** The log's path, absolute. */
  readonly path: string;
  /** The same in a sentence. */
  readonly message: string;
}

/** A sink of lines that is a file. */
export interface FileSink extends Required<Omit<LineSink, 'onFailure' | 'onStandardOutput'>> {
  /** `fail_closed` refuses the sign-in whose record this sink does not take. Default `fail_open`. */
  readonly onFailure?: 'fail_open' | 'fail_closed';
  /** Opens the path anew: what a signal does. */
  readonly reopen: () => Promise<void>;
}

const SYNC_EVERY_MS = 1_000;

/** Opens the file at once, and throws when that cannot be done. Whoever may read it reads names and addresses: 0600. */
export function fileSink(options: FileSinkOptions): FileSink {
  const { fsync, maxBytes = Number.POSITIVE_INFINITY, keep, reopenOn, onNotice = warn, name = 'file' } = options;
  const { clock = Date.now, onFailure, timeout = '5s' } = options;
  if (!['always', 'interval', 'never'].includes(fsync)) {
    throw new ConfigurationError('fileSink.fsync', fsync, "Write 'always', 'interval' or 'never'.");
  }
  if (!(maxBytes > 0)) throw new ConfigurationError('fileSink.maxBytes', maxBytes, 'Write a number of bytes above 0.');
  if (keep !== undefined) countOf('fileSink.keep', keep, { of: 'files' });
  const run = bounded('fileSink', name, options);
  const path = resolve(options.path);

  const notify = (kind: FileNotice['kind'], message: string) => onNotice({ kind, path, message });
  mkdirSync(dirname(path), { recursive: true });
  let file = openLog();
  const writing = begin();
  for (const writer of writing?.uncleanly ?? []) {
    notify('unclean_end', `${path}: ${writer} ended without closing it. The records it had in flight are lost.`);
  }
  closeOffTornLine();

  /** One step after another: a line, a sync, another file. */
  let last = Promise.resolve();
  let closed = false;
  /** A write failed, so the last line may be torn. */
  let unsure = false;
  let unsynced = false;
  let nextSync: Promise<void> | undefined;
  let lastLine: Buffer | null = null;
  const onNewFile: ((lastLine: string | null) => void)[] = [];

  function inTurn(step: () => void | Promise<void>): Promise<void> {
    const done = last.then(step);
    last = done.catch(() => {});
    return done;
  }

  async function append(line: Buffer): Promise<void> {
    if (unsure) closeOffTornLine();
    unsure = false;
    if (file.regular && maxBytes < Number.POSITIVE_INFINITY) {
      const { size } = fstatSync(file.fd);
      if (size > 0 && size + line.length > maxBytes) rotate();
    }
    try {
      const { bytesWritten } = await promisify(write)(file.fd, line);
      unsynced = true;
      // The rest in a second write might come to stand behind another process's line.
      if (bytesWritten < line.length) throw new Error(`${path} took ${bytesWritten} of ${line.length} bytes.`);
      lastLine = line;
    } catch (thrown) {
      unsure = true;
      throw thrown;
    }
  }

  async function sync(): Promise<void> {
    nextSync = undefined;
    if (!unsynced) return;
    await promisify(fdatasync)(file.fd);
    unsynced = false;
  }

  /** One sync for every line written before it begins. */
  function synced(): Promise<void> {
    nextSync ??= inTurn(sync);
    return nextSync;
  }

  function begin() {
    try {
      // A device or a pipe is neither rotated nor left behind.
      return file.regular ? beginWriting(path) : undefined;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR') {
        notify('lock_failed', `${path}.open-… cannot be locked: ${reasonOf(thrown)}`);
        return undefined;
      }
      closeSync(file.fd);
      throw thrown;
    }
  }

  function openLog() {
    const fd = openSync(path, 'a+', 0o600);
    const stat = fstatSync(fd);
    if (fsync === 'always' && stat.isFile()) syncFolder();
    return { fd, inode: stat.ino, regular: stat.isFile() };
  }

  /** A file is only durable when its name is. */
  function syncFolder(): void {
    const folder = openSync(dirname(path), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  function closeOffTornLine(): void {
    if (!file.regular || !endsTorn(file.fd)) return;
    writeSync(file.fd, '\n');
    notify(
      'torn_line',
      `The last line of ${path} had no end. It has one now, and is a record only if it is whole JSON.`,
    );
  }

  /** Goes on in whatever file the path names now. */
  function openAnew(): void {
    const opened = openLog();
    try {
      if (fsync !== 'never' && unsynced) fdatasyncSync(file.fd);
    } catch (thrown) {
      notify('sync_failed', `The end of what was ${path} may not be on the disk: ${reasonOf(thrown)}`);
    }
    closeSync(file.fd);
    file = opened;
    unsynced = false;
    closeOffTornLine();
    for (const listener of onNewFile) listener(textOf(lastLine));
  }

  function rotate(): void {
    try {
      moveAside();
      openAnew();
      if (keep !== undefined) for (const old of rotatedFiles(path).slice(0, -keep)) rmSync(old, { force: true });
    } catch (thrown) {
      // A file that is too long is better than a record that is lost.
      notify('rotation_failed', `${path} could not be rotated: ${reasonOf(thrown)}`);
    }
  }

  function moveAside(): void {
    const stillCurrent = () => statSync(path, { throwIfNoEntry: false })?.ino === file.inode;
    // Else another process was faster.
    if (!stillCurrent()) return;
    const name = reserveRotated(path, clock());
    try {
      renameSync(path, name);
    } catch (thrown) {
      rmSync(name, { force: true });
      if (stillCurrent()) throw thrown;
    }
  }

  const reopen = () =>
    inTurn(() => {
      if (closed) return;
      try {
        openAnew();
      } catch (thrown) {
        notify('reopen_failed', `${path} could not be opened anew, the old file goes on: ${reasonOf(thrown)}`);
      }
    });

  const onSignal = () => void reopen();
  if (reopenOn !== undefined) process.on(reopenOn, onSignal);
  const syncNow = () =>
    void synced().catch((thrown) => notify('sync_failed', `${path} may not be on the disk: ${reasonOf(thrown)}`));
  const timer = fsync === 'interval' ? setInterval(syncNow, SYNC_EVERY_MS).unref() : undefined;

  function stop(): void {
    closed = true;
    clearInterval(timer);
    if (reopenOn !== undefined) process.off(reopenOn, onSignal);
  }

  return {
    name,
    ...(onFailure && { onFailure }),
    async write(line) {
      if (closed) throw new Error(`${path} is closed.`);
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
      await run(async (isLate) => {
        await inTurn(() => {
          if (!isLate()) return append(bytes);
        });
        if (fsync === 'always') await synced();
      });
    },
    reopen,
    sync: async () => (file.regular ? synced() : undefined),
    lastWritten: () => last.then(() => textOf(lastLine)),
    linesFromEnd: () => (file.regular ? recordsFromEnd(path) : []),
    otherWriters() {
      if (writing !== undefined) return writing.others();
      return file.regular ? ['a process that cannot be known, because this file system grants no locks,'] : [];
    },
    onNewFile: (listener) => void onNewFile.push(listener),
    release() {
      if (closed) return;
      stop();
      closeSync(file.fd);
      writing?.end();
    },
    async close() {
      if (closed) return last;
      stop();
      const ended = inTurn(async () => {
        if (fsync !== 'never') await sync();
      });
      const closedFile = inTurn(() => {
        closeSync(file.fd);
        writing?.end();
      });
      // A disk that hangs must not hang the end.
      await inTime(
        closedFile.then(() => ended),
        timeout,
      );
    },
  };
}

const textOf = (line: Buffer | null) => (line === null ? null : line.toString());

function warn({ kind, message }: FileNotice): void {
  process.emitWarning(message, { type: 'LatchkeyAudit', code: kind });
}
