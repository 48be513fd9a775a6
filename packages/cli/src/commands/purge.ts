/** `latchkey purge`: removes the records of attempts that have been kept long enough, from the store. */
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { openStore } from '../connection.ts';
import {
  type Context,
  duration,
  examples,
  jsonOption,
  runs,
  type StoreOptions,
  storeOptions,
} from '../terminal/command.ts';
import { many } from '../terminal/output.ts';

type Options = StoreOptions & { readonly olderThan: number; readonly json?: boolean };

/** How many records a step removes. */
const STEP = 1_000;

export function define(command: Command): void {
  command.requiredOption('--older-than <duration>', 'remove what ended longer ago than this: 400d', duration);
  jsonOption(storeOptions(command, 'the store the records are in'), 'one JSON document: { before, purged }').action(
    runs(run),
  );
  command.addHelpText('after', '\nLog files have bounds of their own: maxBytes and keep of fileSink.');
  examples(command, { 'Once a night': 'latchkey purge --older-than 400d --store postgres://app@db/app' });
}

async function run(options: Options, { out, signal }: Context) {
  const before = Date.now() - options.olderThan;
  const connection = await openStore(options.store, options);
  try {
    const progress = out.progress('Purged');
    let purged = 0;
    for (let done = STEP; done === STEP; ) {
      signal.throwIfAborted();
      const begun = performance.now();
      done = await connection.store.attempts.purge({ before, limit: STEP });
      purged += done;
      progress.at(purged);
      // As long as it took, so that the application gets its turn.
      if (done === STEP) await setTimeout(performance.now() - begun);
    }
    progress.end();
    out.document({ before: new Date(before).toISOString(), purged });
    out.line(`${many(purged, 'record')} of attempts that ended before ${new Date(before).toISOString()} removed`);
    return 'fine' as const;
  } finally {
    await connection.close();
  }
}
