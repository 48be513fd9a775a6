/** Asks before what cannot be undone. Without a terminal nobody can be asked: then `--yes` has to say it. */
import { createInterface } from 'node:readline/promises';
import { Fault } from './fault.ts';
import { clean } from './output.ts';

/** Resolves when somebody wrote yes, or `yes` is set. Throws a {@link Fault} otherwise. `what`: one sentence. */
export async function confirm(what: string, yes: boolean | undefined, signal: AbortSignal): Promise<void> {
  if (yes === true) return;
  if (process.stdin.isTTY !== true) throw new Fault('usage', `${what} Nobody can be asked here: add --yes.`);
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new AbortController();
  // While it asks, the terminal hands Ctrl-C and Ctrl-D to it as keys.
  asked.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  asked.once('close', () => closed.abort());
  const either = AbortSignal.any([signal, closed.signal]);
  const answer = await asked.question(`${clean(what)} Write yes to go on: `, { signal: either }).catch(() => '');
  asked.close();
  signal.throwIfAborted();
  if (answer.trim().toLowerCase() !== 'yes') throw new Fault('usage', 'Nothing was done.');
}
