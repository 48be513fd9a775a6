/** Ids of attempts and records: UUIDv7, in the order in which they were made. */

import { random } from '../random.ts';

let lastMs = 0;

let sequence = 0;

/** What the ids of one millisecond begin with: the time, and the version. */
let beginning = '';

/** A UUIDv7 (RFC 9562 §5.7); those of one process sort by the order in which they were made. */
export function newId(now: number): string {
  // Method 1 of §6.2: a counter in the 12 bits after the time; a full one borrows the next millisecond.
  const full = sequence === 0xfff;
  if (now > lastMs || full) {
    lastMs = Math.max(now, lastMs + 1);
    sequence = 0;
    const time = lastMs.toString(16).padStart(12, '0');
    beginning = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  } else {
    sequence += 1;
  }
  const tail = random(8, 'hex');
  const variant = '89ab'[Number.parseInt(tail[0]!, 16) % 4];
  const count = sequence.toString(16).padStart(3, '0');
  return `${beginning}${count}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`;
}
