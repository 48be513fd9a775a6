/** Which records a person asked for: the options of `list`, `follow` and `summary`, and whether a record meets them. */
import {
  type AttemptRecord,
  ENFORCEMENTS,
  EVENT_NAMES,
  type EventName,
  FAILED_RULES,
  MODES,
  OUTCOMES,
  type Outcome,
  providerName,
  REASONS,
} from '@latchkey/core';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { isPseudonym } from '../identity.ts';
import { instant, oneOf } from '../terminal/command.ts';
import type { Output } from '../terminal/output.ts';
import { browserOf } from './browser.ts';
import { type Addresses, readAddresses, readNetwork } from './network.ts';
import type { Query } from './source.ts';

export interface Filters {
  readonly since?: number;
  readonly until?: number;
  readonly user?: string;
  readonly outcome?: AttemptRecord['outcome'];
  readonly reason?: readonly AttemptRecord['reason'][];
  readonly rule?: AttemptRecord['policy']['failedRule'];
  readonly enforcement?: AttemptRecord['immediate']['enforcement'];
  readonly event?: EventName;
  readonly mode?: AttemptRecord['attempt']['mode'];
  readonly address?: Addresses;
  readonly network?: Addresses;
  readonly browser?: string;
  readonly device?: keyof typeof DEVICES;
  readonly provider?: string;
  readonly passkey?: string;
}

/** Where the browser said that the passkey is. */
export const DEVICES = { this: 'platform', other: 'cross-platform' } as const;

export function filterOptions(command: Command): Command {
  return command
    .option('--since <time>', 'from this instant on: ISO 8601, or how long ago (2h)', instant)
    .option('--until <time>', 'before this instant', instant)
    .option('--user <id>', "the application's own id of a user, or the pseudonym that records have for it")
    .addOption(outcomeOption())
    .option('--reason <list>', 'why it did not succeed: codes of the closed list, with commas', readReasons)
    .addOption(oneOf('--rule <rule>', 'the rule of policy that refused it', FAILED_RULES))
    .addOption(oneOf('--enforcement <enforcement>', 'whether immediate mediation was enforced', ENFORCEMENTS))
    .addOption(oneOf('--event <name>', 'which kind of record', EVENT_NAMES))
    .addOption(oneOf('--mode <mode>', 'how the browser was asked', MODES))
    .option('--address <address>', 'the client: an address, or a network in CIDR notation', readAddresses)
    .option('--network <network>', 'the network of an address (its /24, or /48 of IPv6), or CIDR', readNetwork)
    .option('--browser <words>', 'part of the browser and system as they are shown: chrome, windows')
    .addOption(
      oneOf('--device <device>', 'where the browser said that the passkey is: this device or another', [
        ...Object.keys(DEVICES),
      ]),
    )
    .option('--provider <name>', "part of the name of the passkey's provider, or its AAGUID")
    .option('--passkey <passkey>', 'its reference (or the beginning of it); or, with a store, its id or nickname');
}

/** What people read of an outcome: as on pages. In JSON, records and metrics "refused" is `failure`. */
export const wordOf = (outcome: Outcome): string => (outcome === 'failure' ? 'refused' : outcome);

/** The word that people read, and the one of the record. */
function outcomeOption(): Option {
  const option = oneOf('--outcome <outcome>', 'how it ended; "refused" is "failure" in JSON', [
    ...new Set([...OUTCOMES.map(wordOf), ...OUTCOMES]),
  ]);
  const check = option.parseArg!;
  return option.argParser((word, previous: string) => {
    const checked = check(word, previous);
    return OUTCOMES.find((outcome) => wordOf(outcome) === checked) ?? checked;
  });
}

function readReasons(text: string): readonly string[] {
  const given = text.split(',').map((word) => word.trim());
  if (given.every((word) => (REASONS as readonly string[]).includes(word))) return given;
  throw new InvalidArgumentError(`Write some of ${REASONS.join(', ')}.`);
}

/** What a store can tell by itself. */
export function queryOf({ since, until, user, outcome, enforcement, event }: Filters): Query {
  return {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(user !== undefined && !isPseudonym(user) && { userId: user }),
    ...(outcome !== undefined && { outcome }),
    ...(enforcement !== undefined && { enforcement }),
    ...(event !== undefined && { name: event }),
  };
}

/** Whether a record is of the user and of one of the passkeys that were asked for. */
export type Theirs = (record: AttemptRecord) => boolean;

/** Whose records were asked for. */
export interface WhoFilter {
  readonly matches: Theirs;
  /** Says which records could not be told, where keys explain it. `found`: how many match. */
  explainMissing(found: number, out: Output): void;
}

export function matches(record: AttemptRecord, filters: Filters, areTheirs: Theirs): boolean {
  const { event, outcome, reason, policy, immediate, attempt, client, credential } = record;
  const time = Date.parse(event.time);
  const has = (text: string, part: string | undefined) => text.toLowerCase().includes((part ?? '').toLowerCase());
  return (
    time >= (filters.since ?? Number.NEGATIVE_INFINITY) &&
    time < (filters.until ?? Number.POSITIVE_INFINITY) &&
    (filters.outcome ?? outcome) === outcome &&
    (filters.reason?.includes(reason) ?? true) &&
    (filters.rule ?? policy.failedRule) === policy.failedRule &&
    (filters.enforcement ?? immediate.enforcement) === immediate.enforcement &&
    (filters.event ?? event.name) === event.name &&
    (filters.mode ?? attempt.mode) === attempt.mode &&
    (filters.address?.(client.address) ?? true) &&
    (filters.network?.(client.address) ?? true) &&
    has(browserOf(client.userAgent), filters.browser) &&
    (filters.device === undefined || credential.attachmentReported === DEVICES[filters.device]) &&
    (filters.provider === undefined || has(`${providerOf(record)} ${credential.aaguid}`, filters.provider)) &&
    areTheirs(record)
  );
}

/** The provider that the passkey names, where it is a known one. */
export function providerOf({ credential }: AttemptRecord): string {
  return (credential.aaguid === null ? null : providerName(credential.aaguid)) ?? '';
}
