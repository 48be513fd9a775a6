/** A whole store of your own, for one process: memory that outlives it, because a journal has every change first. */
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { memoryStore, type Store } from '@latchkey/core';

type Port = keyof Store;
type Verbs = Record<string, (...args: unknown[]) => unknown>;

const READING = new Set(['find', 'listByUser', 'list', 'declinedAt']);

export function journalStore(file: string): Required<Store> {
  const memory = memoryStore();
  const call = (port: Port, verb: string, args: unknown[]) => (memory[port] as unknown as Verbs)[verb]!(...args);

  const journal = existsSync(file) ? readFileSync(file, 'latin1') : '';
  const lines = journal.split('\n');
  // What follows the last line break was being written when the process died: nobody was told that it is done.
  if (lines.at(-1) !== '') truncateSync(file, journal.lastIndexOf('\n') + 1);
  for (const line of lines.slice(0, -1)) {
    const [port, verb, args] = deserialize(Buffer.from(line, 'base64'));
    // What was refused then is refused now. No verb reads a clock or a die, so all else is as it was.
    try {
      call(port, verb, args);
    } catch {}
  }

  const journaled = <P extends Port>(port: P): Required<Store>[P] =>
    new Proxy(memory[port], {
      get(_, verb: string) {
        // Passkeys name the sessions that they can begin.
        if (verb === 'sessions') return sessions;
        return (...args: unknown[]) => {
          if (!READING.has(verb)) {
            appendFileSync(file, `${serialize([port, verb, args]).toString('base64')}\n`, { flush: true });
          }
          return call(port, verb, args);
        };
      },
    });
  const sessions = journaled('sessions');
  const [challenges, passkeys] = [journaled('challenges'), journaled('passkeys')];
  const [attempts, invitations] = [journaled('attempts'), journaled('invitations')];
  return { challenges, passkeys, sessions, attempts, invitations };
}
