/**
 * What keeps this process from answering, in milliseconds: the longest turn of its event loop by the clock, the one in which its
 * thread worked most (for the rest of the time it waits for a core), and the garbage collector's longest pause.
 */
import { PerformanceObserver } from 'node:perf_hooks';

export interface Stillness {
  /** The longest turn, by the clock. */
  readonly longest: number;
  /** The most CPU time of this thread in one turn. */
  readonly longestWork: number;
  readonly longestCollection: number;
}

const EVERY_MS = 1;

/** Begins to watch, and resolves to what was seen when it is called. */
export function watchStillness(): () => Stillness {
  const seen = { longest: 0, longestWork: 0, longestCollection: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seen.longestCollection = Math.max(seen.longestCollection, duration);
  });
  observer.observe({ entryTypes: ['gc'] });
  let [time, worked] = [performance.now(), work()];
  const timer = setInterval(() => {
    const [now, workedNow] = [performance.now(), work()];
    seen.longest = Math.max(seen.longest, now - time - EVERY_MS);
    seen.longestWork = Math.max(seen.longestWork, workedNow - worked);
    [time, worked] = [now, workedNow];
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    observer.disconnect();
    return seen;
  };
}

/** CPU time of this thread so far, in milliseconds. */
function work(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
