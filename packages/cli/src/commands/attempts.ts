/** `latchkey attempts`: lists, counts, follows and explains the records of attempts, from a log file or from the store. */
import type { Command } from 'commander';
import { type ExplainOptions, runExplain } from '../attempts/explain.ts';
import { filterOptions } from '../attempts/filters.ts';
import { runFollow } from '../attempts/follow.ts';
import { runList } from '../attempts/list.ts';
import { sourceOptions } from '../attempts/source.ts';
import { GROUPINGS, runSummary } from '../attempts/summary.ts';
import { duration, examples, instant, jsonOption, oneOf, runs, wholeNumber } from '../terminal/command.ts';

export function define(attempts: Command): void {
  const list = filterOptions(sourceOptions(attempts.command('list').description('Records, the newest first.'))).option(
    '--limit <n>',
    'how many at most',
    wholeNumber(1, 1_000_000),
    50,
  );
  jsonOption(list, 'JSON lines: the records as they are').action(runs(runList));
  examples(list, {
    'What was refused in the last hour': 'latchkey attempts list --store sqlite:app.db --outcome refused --since 1h',
    "One person's day, for a program":
      'latchkey attempts list --log sign-ins.log --user 42 --since 2026-11-22 --until 2026-11-23 --json',
    'Where was this passkey used?': 'latchkey attempts list --store sqlite:app.db --user 42 --passkey "My phone"',
  });

  const summary = filterOptions(
    sourceOptions(attempts.command('summary').description('How many attempts ended how, put together by one thing.')),
  )
    .addOption(oneOf('--by <what>', 'what they are put together by', Object.keys(GROUPINGS)).makeOptionMandatory())
    .option('--limit <n>', 'how many lines at most: the largest, or of hours the latest', wholeNumber(1, 100_000), 20);
  jsonOption(summary, 'one JSON document: { by, attempts, groups, groupsLeftOut, attemptsNotGrouped }').action(
    runs(runSummary),
  );
  examples(summary, {
    'Is this a wave of stolen names?':
      'latchkey attempts summary --by network --outcome refused --since 1h --store sqlite:app.db',
    'Whom did policy.immediateMediation require refuse?':
      'latchkey attempts summary --by user --rule immediate_mediation --since 7d --store sqlite:app.db',
    'Why, hour by hour': 'latchkey attempts summary --by hour --reason challenge_consumed --log sign-ins.log',
  });

  const follow = filterOptions(
    sourceOptions(attempts.command('follow').description('Records as they come, until Ctrl-C.')),
  ).option('--every <duration>', 'how often a store is asked', duration, 1_000);
  jsonOption(follow, 'JSON lines: the records as they are').action(runs(runFollow));
  examples(follow, {
    'Watch what fails': 'latchkey attempts follow --store redis://localhost --outcome refused',
    'Watch a log, across rotation': 'latchkey attempts follow --log /var/log/app/sign-ins.log',
  });

  const explained = sourceOptions(
    attempts
      .command('explain <id>')
      .description(
        'One record in sentences: what was asked, claimed, proved and not proved. The id is an attempt or an event.',
      ),
  ).option('--since <time>', 'look no further back than this', instant);
  jsonOption(explained, 'one JSON document: { record, explanation, related, userId }').action(
    runs<ExplainOptions>(runExplain),
  );
  examples(explained, {
    'What happened there?':
      'latchkey attempts explain 01a2044b-94ee-7003-b262-7645fe4f85e7 --store postgres://app@db/app',
  });
}
