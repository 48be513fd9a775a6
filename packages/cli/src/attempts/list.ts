/** `latchkey attempts list`: the newest records that match. */
import type { AttemptRecord } from '@latchkey/core';
import type { Context } from '../terminal/command.ts';
import { type Filters, matches, queryOf } from './filters.ts';
import { show } from './line.ts';
import { createNicknames } from './passkeys.ts';
import { type SourceOptions, withSource } from './source.ts';
import { whoFilter } from './who.ts';

export type ListOptions = SourceOptions & Filters & { readonly limit: number };

export async function runList(options: ListOptions, context: Context) {
  const { out } = context;
  const { limit } = options;
  await withSource(options, context, async (source) => {
    const who = await whoFilter(options, source, out);
    const kept = newest(limit);
    for await (const record of source.records(queryOf(options))) {
      if (!matches(record, options, who.matches)) continue;
      kept.add(record);
      if (source.newestFirst && kept.count() === limit) break;
    }
    const found = kept.newestFirst();
    const nickname = await createNicknames(source);
    for (const record of found) show(record, out.json ? null : await nickname(record), out);
    if (found.length === 0) out.note('No record matches.');
    who.explainMissing(found.length, out);
    if (found.length === limit) out.note(`The newest ${limit}; --limit shows more.`);
  });
  return 'fine' as const;
}

/** How many records more than asked for are held before the oldest are dropped. */
const SLACK = 1_000;

/** The newest so many of records that come in no reliable order. */
function newest(limit: number) {
  let records: AttemptRecord[] = [];
  const newestFirst = () => records.sort((a, b) => (a.event.id < b.event.id ? 1 : -1)).slice(0, limit);
  return {
    newestFirst,
    count: () => records.length,
    add(record: AttemptRecord) {
      records.push(record);
      if (records.length >= 2 * limit + SLACK) records = newestFirst();
    },
  };
}
