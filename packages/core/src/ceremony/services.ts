/** What ceremonies need besides the request: the store, and the sessions. */
import type { ReliableStore } from './reliable-store.ts';
import type { Sessions } from './session.ts';

export interface Services {
  readonly store: ReliableStore;
  readonly sessions: Sessions;
}
