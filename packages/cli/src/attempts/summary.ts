/** `latchkey attempts summary`: how many attempts ended how, by address, network, user, passkey, browser, reason or hour. */
import { type AttemptRecord, OUTCOMES } from '@latchkey/core';
import { shortRef } from '../identity.ts';
import type { Context } from '../terminal/command.ts';
import { dim, many, type Output, strong } from '../terminal/output.ts';
import { browserOf } from './browser.ts';
import { type Filters, matches, providerOf, queryOf, wordOf } from './filters.ts';
import { networkOf, plainAddress } from './network.ts';
import { createNicknames } from './passkeys.ts';
import { type SourceOptions, withSource } from './source.ts';
import { whoFilter } from './who.ts';

/** What records are put together by. Null: a record that has none of it. */
export const GROUPINGS = {
  address: ({ client }) => plainAddress(client.address) ?? client.address,
  network: ({ client }) => networkOf(client.address),
  user: ({ user }) => user.id ?? user.hash,
  passkey: ({ credential }) => credential.ref,
  browser: ({ client }) => browserOf(client.userAgent),
  reason: ({ reason }) => reason,
  hour: ({ event }) => `${event.time.slice(0, 13)}:00Z`,
} as const satisfies Readonly<Record<string, (record: AttemptRecord) => string | null>>;
export type Grouping = keyof typeof GROUPINGS;

export type SummaryOptions = SourceOptions & Filters & { readonly by: Grouping; readonly limit: number };

type Counts = Record<(typeof OUTCOMES)[number], number>;

interface Group extends Counts {
  /** Null: the records that have none of what they are grouped by. */
  readonly key: string | null;
  attempts: number;
  first: string;
  last: string;
}

/** More groups than this are counted as one: memory stays bounded, however many addresses a wave comes from. */
const MOST_GROUPS = 100_000;

export async function runSummary(options: SummaryOptions, context: Context) {
  const { out } = context;
  const { by, limit } = options;
  await withSource(options, context, async (source) => {
    const who = await whoFilter(options, source, out);
    const groups = new Map<string | null, Group>();
    /** One record of each passkey, to find its nickname by. */
    const examples = new Map<string | null, AttemptRecord>();
    let attempts = 0;
    let beyond = 0;
    for await (const record of source.records(queryOf(options))) {
      if (!matches(record, options, who.matches)) continue;
      const key = GROUPINGS[by](record);
      const count = record.event.repeatCount ?? 1;
      attempts += count;
      let group = groups.get(key);
      if (group === undefined) {
        if (groups.size >= MOST_GROUPS) {
          beyond += count;
          continue;
        }
        group = newGroup(key, record.event.time);
        groups.set(key, group);
        if (by === 'passkey') examples.set(key, record);
      }
      group.attempts += count;
      group[record.outcome] += count;
      if (record.event.time < group.first) group.first = record.event.time;
      if (record.event.time > group.last) group.last = record.event.time;
    }
    const sorted = [...groups.values()].sort(
      by === 'hour' ? (a, b) => (a.key! < b.key! ? -1 : 1) : (a, b) => b.attempts - a.attempts,
    );
    // Of hours the latest are wanted.
    const shown = by === 'hour' ? sorted.slice(-limit) : sorted.slice(0, limit);
    out.document({
      by,
      attempts,
      groups: shown,
      groupsLeftOut: sorted.length - shown.length,
      attemptsNotGrouped: beyond,
    });
    const nickname = await createNicknames(source);
    const name = async ({ key }: Group) => {
      if (key === null) return `no ${by}`;
      const example = examples.get(key);
      if (example === undefined) return key;
      const called = await nickname(example);
      return [`${shortRef(key)}${called === null ? '' : ` “${called}”`}`, providerOf(example)]
        .filter(Boolean)
        .join(', ');
    };
    const rows = await Promise.all(shown.map(async (group) => [await name(group), group] as const));
    if (rows.length === 0) out.note('No record matches.');
    who.explainMissing(rows.length, out);
    if (rows.length === 0) return;
    describe(rows, by, out);
    if (sorted.length > shown.length)
      out.note(`${many(sorted.length - shown.length, 'more line')} left out; --limit shows more.`);
    if (beyond > 0)
      out.note(`${many(beyond, 'attempt')} of more than ${MOST_GROUPS} groups are not shown; narrow it with --since.`);
  });
  return 'fine' as const;
}

function newGroup(key: string | null, time: string): Group {
  return { key, attempts: 0, success: 0, failure: 0, cancelled: 0, abandoned: 0, error: 0, first: time, last: time };
}

function describe(rows: readonly (readonly [string, Group])[], by: Grouping, out: Output): void {
  const width = Math.min(60, Math.max(by.length, ...rows.map(([name]) => name.length)));
  const cells = (values: readonly (string | number)[]) => values.map((value) => String(value).padStart(10)).join('');
  out.line(strong(`${by.padEnd(width)}${cells(['attempts', ...OUTCOMES.map(wordOf)])}`));
  for (const [name, group] of rows) {
    out.line(
      `${name.padEnd(width)}${cells([group.attempts, ...OUTCOMES.map((outcome) => group[outcome])])}  `,
      dim(`${group.first} to ${group.last}`),
    );
  }
}
