/**
 * How long this process did nothing else: the longest time between two turns of its event loop, how much of that time it
 * worked on its main thread (the rest it waited for a core), and the longest pause of the garbage collector. In milliseconds.
 */
import { PerformanceObserver } from 'node:perf_hooks';

export interface Stillness {
  /** The longest between two turns, by the clock. */
  readonly longest: number;
  /** The longest between two turns, by the CPU time of this thread. */
  readonly longestWork: number;
  readonly longestCollection: number;
  /** How many there were. */
  readonly collections: number;
}

const EVERY_MS = 1;

/** Begins to watch, and resolves to what was seen when it is called. */
export function watchStillness(): () => Stillness {
  const seen = { longest: 0, longestWork: 0, longestCollection: 0, collections: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      seen.collections++;
      seen.longestCollection = Math.max(seen.longestCollection, duration);
    }
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
