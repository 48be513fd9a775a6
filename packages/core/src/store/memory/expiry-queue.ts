/**
 * What expires, by its expiry: a binary heap in which each entry knows its place. Adding what expires last costs one
 * comparison, all else grows with the logarithm of the length, and nothing that was removed stays behind.
 */

export interface Expiring {
  readonly expiresAt: number;
  /** Its place in the queue; the queue's own to change. */
  place: number;
}

export interface ExpiryQueue<E extends Expiring> {
  add(entry: E): void;
  /** Removes an entry that is in the queue. */
  remove(entry: E): void;
  /** The entry that expires first, if it does so at `now` or before. */
  firstDue(now: number): E | undefined;
}

export function expiryQueue<E extends Expiring>(): ExpiryQueue<E> {
  const heap: E[] = [];

  const put = (entry: E, place: number) => {
    heap[place] = entry;
    entry.place = place;
  };

  /** Puts an entry at this place, or at the one further up or down where it belongs. */
  const settle = (entry: E, from: number) => {
    let place = from;
    for (
      let above = (place - 1) >> 1;
      place > 0 && heap[above]!.expiresAt > entry.expiresAt;
      above = (place - 1) >> 1
    ) {
      put(heap[above]!, place);
      place = above;
    }
    for (;;) {
      let below = 2 * place + 1;
      if (below + 1 < heap.length && heap[below + 1]!.expiresAt < heap[below]!.expiresAt) below++;
      if (below >= heap.length || heap[below]!.expiresAt >= entry.expiresAt) break;
      put(heap[below]!, place);
      place = below;
    }
    put(entry, place);
  };

  const remove = (entry: E) => {
    const last = heap.pop()!;
    if (last !== entry) settle(last, entry.place);
  };

  return {
    add(entry) {
      heap.push(entry);
      settle(entry, heap.length - 1);
    },

    remove,

    firstDue(now) {
      const first = heap[0];
      return first !== undefined && first.expiresAt <= now ? first : undefined;
    },
  };
}
