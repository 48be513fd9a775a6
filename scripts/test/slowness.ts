// How much slower this machine is at the moment than an idle one of today. Time limits of tests that do not test time are
// multiplied by it, so that a busy machine fails nothing.
import { pbkdf2Sync } from 'node:crypto';

/** What one sample takes on an idle core of 2.5 GHz. */
const USUAL_MS = 25;
const SAMPLES = 12;

/** At least 1. Takes a third of a second, or as much longer as the machine is slower. */
export function measureSlowness(): number {
  const since = performance.now();
  for (let sample = 0; sample < SAMPLES; sample += 1) pbkdf2Sync('password', 'salt', 50_000, 64, 'sha512');
  return Math.max(1, (performance.now() - since) / SAMPLES / USUAL_MS);
}
