// Waiting for time to pass: not past a deadline or an abort, and not while nobody can see the page.

/** Calls with a signal, and rejects as soon as it aborts, even when what was called does not heed it. */
export function untilAborted<T>(signal: AbortSignal, call: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    signal.addEventListener('abort', () => reject(signal.reason));
    Promise.resolve(call(signal)).then(resolve, reject);
  });
}

/** The same with a signal that aborts after so many milliseconds (`TimeoutError`), or when `outer` does. */
export function within<T>(
  milliseconds: number,
  call: (signal: AbortSignal) => T | Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const either = new AbortController();
  setTimeout(() => either.abort(new DOMException('', 'TimeoutError')), milliseconds);
  if (outer?.aborted) either.abort(outer.reason);
  outer?.addEventListener('abort', () => either.abort(outer.reason));
  return untilAborted(either.signal, call);
}

/** Waits until `instant` (milliseconds since the epoch), and on until somebody can see the page. */
export async function visibleFrom(instant: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, instant - Date.now()));
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
  }
}
