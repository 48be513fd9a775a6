/** `latchkey attempts explain`: one record in sentences, where it came from, and the attempt that it points to beside it. */
import { type AttemptRecord, type Explanation, explain } from '@latchkey/core';
import type { Context } from '../terminal/command.ts';
import { bad, dim, type Output, strong, warning } from '../terminal/output.ts';
import { browserOf } from './browser.ts';
import { wordOf } from './filters.ts';
import { hasCounterFallen, passkeyOf, placeOf } from './line.ts';
import { plainAddress } from './network.ts';
import { createNicknames } from './passkeys.ts';
import { type Source, type SourceOptions, withSource } from './source.ts';
import { userIdOf } from './who.ts';

export type ExplainOptions = SourceOptions & { readonly since?: number };

/** The attempt that a record points to, compared with it. */
interface RelatedAttempt {
  readonly record: AttemptRecord;
  /** Null where either has no address. */
  readonly sameAddress: boolean | null;
  readonly sameBrowser: boolean;
  /** From the end of the related attempt to the end of this one, in milliseconds. */
  readonly laterMs: number;
}

export async function runExplain(options: ExplainOptions, context: Context, id: string) {
  const { out } = context;
  return withSource(options, context, async (source) => {
    const since = options.since === undefined ? {} : { since: options.since };
    const record = (await source.eventOf(id)) ?? (await find(source, since, id));
    if (record === null) {
      if (out.json) out.document(null);
      out.note(`No record has the id ${id}.`);
      return 'findings' as const;
    }
    const related = await relatedTo(record, source);
    const explanation = explain(record);
    const userId = await userIdOf(record, source);
    out.document({ record, explanation, related, userId });
    const told = { ...record, user: { ...record.user, id: userId } };
    const nickname = await (await createNicknames(source))(told);
    describe(told, explanation, nickname, out);
    describeRelated(record, related, out);
    return 'fine' as const;
  });
}

async function find(
  source: Source,
  query: { since?: number; until?: number },
  id: string,
): Promise<AttemptRecord | null> {
  for await (const record of source.records(query))
    if (record.event.id === id || record.attempt.id === id) return record;
  return null;
}

/** An attempt ends when its challenge expires at the latest; policy allows challenges of at most ten minutes. */
const LONGEST_MS = 3_600_000;

async function relatedTo(record: AttemptRecord, source: Source): Promise<RelatedAttempt | null> {
  const { relatedId } = record.attempt;
  if (relatedId === undefined) return null;
  // Attempt ids are UUIDv7: they begin with the time of the first request, or a later one, where a clock was set back.
  const startedAt = Number.parseInt(relatedId.replaceAll('-', '').slice(0, 12), 16);
  const window = Number.isFinite(startedAt) ? { since: startedAt - 60_000, until: startedAt + LONGEST_MS } : {};
  const endedAt = Date.parse(record.event.time);
  const found =
    (await find(source, window, relatedId)) ??
    (await find(source, { since: endedAt - LONGEST_MS, until: endedAt + 60_000 }, relatedId));
  if (found === null) return null;
  const [own, other] = [record, found].map(({ client }) => plainAddress(client.address));
  return {
    record: found,
    sameAddress: own === null || other === null ? null : own === other,
    sameBrowser: record.client.userAgent === found.client.userAgent,
    laterMs: Date.parse(record.event.time) - Date.parse(found.event.time),
  };
}

function describe(record: AttemptRecord, explanation: Explanation, nickname: string | null, out: Output): void {
  const { event, attempt, user, credential } = record;
  const name = user.id ?? user.hash;
  const { verdict, asked, claimed, proved, unproved, failed } = explanation;
  out.line(strong(verdict));
  out.line(dim(`${event.time}  ${event.name}  attempt ${attempt.id}${name === null ? '' : `  user ${name}`}`));
  out.line(`From ${placeOf(record)}.`);
  if (credential.ref !== null) out.line(`Passkey ${passkeyOf(record, nickname)}.`);
  if (hasCounterFallen(record)) out.line(bad('The counter went back: somebody may have a copy of this passkey.'));
  const part = (title: string, sentences: readonly string[]) => {
    if (sentences.length === 0) return;
    out.line();
    out.line(strong(title));
    for (const sentence of sentences) out.line('  ', sentence);
  };
  part('Asked', asked);
  part('Claimed, and signed by nobody', claimed);
  part('Proved', proved);
  part('Not proved', unproved);
  if (failed === null) return;
  out.line();
  out.line(
    bad(`${wordOf(record.outcome)[0]!.toUpperCase()}${wordOf(record.outcome).slice(1)}`),
    `  ${failed.reason}${failed.rule === null ? '' : `, by the rule ${failed.rule}`}; says the ${SAYS[failed.source]}`,
  );
  out.line('  ', failed.meaning);
  out.line('  ', failed.advice);
}

const SAYS = { server: 'server', client_report: 'page', timeout: 'clock' } as const;

function describeRelated(record: AttemptRecord, related: RelatedAttempt | null, out: Output): void {
  const { relatedId } = record.attempt;
  if (relatedId === undefined) return;
  out.line();
  out.line(strong('Related attempt'));
  if (related === null) {
    out.line(`  No record of attempt ${relatedId} is here.`);
    return;
  }
  const { record: other, sameAddress, sameBrowser, laterMs } = related;
  const away = laterMs >= 0 ? `${laterMs} ms before this one` : `${-laterMs} ms after this one`;
  out.line(`  ${other.attempt.id} ended in ${other.reason ?? other.outcome}, ${away}: ${other.event.time}.`);
  out.line(`  It came from ${placeOf(other)}.`);
  if (sameAddress === true) out.line('  The address is the same.');
  if (sameAddress === false)
    out.line('  ', warning(`The address is another one: ${other.client.address}, and here ${record.client.address}.`));
  if (!sameBrowser) {
    const [own, its] = [record, other].map(({ client }) => browserOf(client.userAgent));
    out.line(
      '  ',
      warning(own === its ? 'The browser is another version.' : `The browser is another one: ${its}, and here ${own}.`),
    );
  }
}
