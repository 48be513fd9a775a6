/** A record for those who watch a server and need not know its people: what OpenTelemetry gets, and the log line where that is wanted. */
import { networkOf } from '../address.ts';
import type { AttemptRecord } from './attempt.ts';

const { freeze } = Object;

/**
 * The record without `user.id`, which `user.hash` stands for (`user.known` still says that there is one), with the network in
 * place of the address, and without an operator's own words, which may name somebody. The same schema holds for it.
 */
export function pseudonymous(record: AttemptRecord): AttemptRecord {
  const { user, change, client } = record;
  return freeze({
    ...record,
    user: freeze({ ...user, id: null }),
    change: freeze({ ...change, note: null }),
    client: freeze({ ...client, address: networkOf(client.address) ?? null }),
  });
}
