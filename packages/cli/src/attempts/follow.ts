/** `latchkey attempts follow`: records that match, as they come. */
import type { Context } from '../terminal/command.ts';
import { dim } from '../terminal/output.ts';
import { type Filters, matches, queryOf } from './filters.ts';
import { show } from './line.ts';
import { createNicknames } from './passkeys.ts';
import { type SourceOptions, withSource } from './source.ts';
import { whoFilter } from './who.ts';

export type FollowOptions = SourceOptions & Filters & { readonly every: number };

export async function runFollow(options: FollowOptions, context: Context) {
  const { out } = context;
  await withSource(options, context, async (source) => {
    const who = await whoFilter(options, source, out);
    const nickname = await createNicknames(source);
    out.note(dim('Waiting for records; Ctrl-C ends it.'));
    for await (const record of source.coming(queryOf(options), options.every)) {
      if (matches(record, options, who.matches)) show(record, out.json ? null : await nickname(record), out);
    }
  });
  return 'fine' as const;
}
