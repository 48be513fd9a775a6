// Waiting for time to pass: not past a deadline, and not while nobody can see the page.

/** Calls with a signal for the deadline, and rejects at the deadline even when the call does not heed its signal. */
export function within<T>(milliseconds: number, call: (deadline: AbortSignal) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.timeout(Math.max(0, milliseconds));
    deadline.onabort = () => reject(deadline.reason);
    call(deadline).then(resolve, reject);
  });
}

/** Waits until `instant` (milliseconds since the epoch), and on until somebody can see the page. */
export async function visibleFrom(instant: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, instant - Date.now()));
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
  }
}
