/**
 * When an answer leaves, so that its time does not tell who has an account: at a multiple of 10 ms after its request was read. A
 * known name costs a row more, and a key of another kind another signature check; both are far below one step of the grid.
 */
import { setTimeout as wait } from 'node:timers/promises';

/** The step of the grid, in milliseconds. */
const STEP_MS = 10;

/** A timer may be a millisecond late, by an amount that follows from when it was set. The last stretch is watched instead. */
const WATCHED_MS = 2;

/** Resolves at the next multiple of the step. `since`: when the request had been read, as `performance.now()` said then. */
export async function untilNextStep(since: number): Promise<void> {
  const steps = Math.max(1, Math.ceil((performance.now() - since) / STEP_MS));
  const due = since + steps * STEP_MS;
  const early = due - performance.now() - WATCHED_MS;
  if (early >= 1) await wait(Math.floor(early));
  await new Promise<void>((leave) => {
    watched.push({ due, leave });
    if (watched.length === 1) setImmediate(look);
  });
}

/** Answers whose step is near. */
let watched: { readonly due: number; readonly leave: () => void }[] = [];

/** Looks at the clock once in each turn of the event loop for all of them: a loop for each costs three times as much CPU with 64. */
function look(): void {
  const now = performance.now();
  const [due, later] = [watched.filter((one) => one.due <= now), watched.filter((one) => one.due > now)];
  watched = later;
  for (const { leave } of due) leave();
  if (watched.length > 0) setImmediate(look);
}
