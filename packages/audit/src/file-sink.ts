/**
 * Why this file exists: records as JSON lines in a file, so that a line is whole or visibly torn, and what a crash took is
 * said on the next start. One write per line with O_APPEND: lines of several processes on one local file system never mix
 * (NFS has no atomic append).
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
import { endsTorn, lastRecord, reserveRotated, rotatedFiles } from './log-files.ts';
import type { LineSink, SinkOptions } from './sink.ts';
import { beginWriting } from './writers.ts';

export interface FileSinkOptions extends SinkOptions {
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
  /** Runs something again and again until told to stop; for tests. */
  readonly every?: (ms: number, run: () => void) => () => void;
}

export interface FileNotice {
  /**
   * `unclean_end`: a process that wrote here is gone and had not closed the file: records it had in flight are lost.
   * `torn_line`: the last line had no end, so its writer was cut off in it, or is another process that was just writing it;
   * it was closed off by a newline.
   */
  readonly kind: 'unclean_end' | 'torn_line' | 'rotation_failed' | 'reopen_failed' | 'sync_failed';
  readonly path: string;
  readonly message: string;
}

export interface FileSink extends LineSink {
  /** Opens the path anew: what a signal does. */
  readonly reopen: () => Promise<void>;
  readonly lastLine: () => string | null;
  readonly otherWriters: () => number[];
}

const SYNC_EVERY_MS = 1_000;

/** Opens the file at once, and throws when that cannot be done. Whoever may read it reads names and addresses: 0600. */
export function fileSink(options: FileSinkOptions): FileSink {
  const { fsync, maxBytes = Number.POSITIVE_INFINITY, keep, reopenOn, onNotice = warn, name = 'file' } = options;
  const { clock = Date.now, every = everyUnref, onFailure } = options;
  const path = resolve(options.path);
  demand(['always', 'interval', 'never'].includes(fsync), "fileSink: fsync is 'always', 'interval' or 'never'.");
  demand(maxBytes > 0, 'fileSink: maxBytes is a number of bytes above 0.');
  demand(keep === undefined || (Number.isInteger(keep) && keep > 0), 'fileSink: keep is a number of files above 0.');

  const notify = (kind: FileNotice['kind'], message: string) => onNotice({ kind, path, message });
  mkdirSync(dirname(path), { recursive: true });
  let file = openLog();
  const writing = begin();
  for (const pid of writing?.uncleanly ?? []) {
    notify('unclean_end', `Process ${pid} ended without closing ${path}: the records it had in flight are lost.`);
  }
  closeOffTornLine();

  /** One step after another: a line, a sync, another file. */
  let last = Promise.resolve();
  let closed = false;
  /** A write failed, so the last line may be torn. */
  let unsure = false;
  let unsynced = false;
  let nextSync: Promise<void> | undefined;

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
      notify('sync_failed', `The end of what was ${path} may not be on the disk: ${reason(thrown)}`);
    }
    closeSync(file.fd);
    file = opened;
    unsynced = false;
    closeOffTornLine();
  }

  function rotate(): void {
    try {
      moveAside();
      openAnew();
      if (keep !== undefined) for (const old of rotatedFiles(path).slice(0, -keep)) rmSync(old, { force: true });
    } catch (thrown) {
      // A file that is too long is better than a record that is lost.
      notify('rotation_failed', `${path} could not be rotated: ${reason(thrown)}`);
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
        notify('reopen_failed', `${path} could not be opened anew, the old file goes on: ${reason(thrown)}`);
      }
    });

  const onSignal = () => void reopen();
  if (reopenOn !== undefined) process.on(reopenOn, onSignal);
  const syncNow = () =>
    void synced().catch((thrown) => notify('sync_failed', `${path} may not be on the disk: ${reason(thrown)}`));
  const stop = fsync === 'interval' ? every(SYNC_EVERY_MS, syncNow) : () => {};

  return {
    name,
    ...(onFailure && { onFailure }),
    async write(line) {
      if (closed) throw new Error(`${path} is closed.`);
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
      await inTurn(() => append(bytes));
      if (fsync === 'always') await synced();
    },
    reopen,
    lastLine: () => (file.regular ? lastRecord(path) : null),
    otherWriters: () => writing?.others() ?? [],
    async close() {
      if (closed) return last;
      closed = true;
      stop();
      if (reopenOn !== undefined) process.off(reopenOn, onSignal);
      const ended = inTurn(async () => {
        if (fsync !== 'never') await sync();
      });
      await inTurn(() => {
        closeSync(file.fd);
        writing?.end();
      });
      await ended;
    },
  };
}

function warn({ kind, message }: FileNotice): void {
  process.emitWarning(message, { type: 'LatchkeyAudit', code: kind });
}

function everyUnref(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  timer.unref();
  return () => clearInterval(timer);
}

const reason = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));

function demand(holds: boolean, instead: string): void {
  if (!holds) throw new TypeError(instead);
}
