/**
 * `latchkey readiness`: who could not sign in any more under a stricter policy. Counts what the stored passkeys say, and what
 * the records of attempts have proved of them; what neither shows is `unknown`, not met.
 */
import {
  ALGORITHMS,
  type AttemptRecord,
  type CoseAlgorithmName,
  type Passkey,
  type Pseudonymizer,
} from '@latchkey/core';
import { type Command, InvalidArgumentError } from 'commander';
import { linesThere, recordIn } from '../attempts/log.ts';
import { newestFirst } from '../attempts/source.ts';
import { openStore } from '../connection.ts';
import { everyUser } from '../every-passkey.ts';
import { isPseudonym, keyCounter, otherKeys, readIdentityKeys, refsOf } from '../identity.ts';
import {
  type Context,
  examples,
  instant,
  jsonOption,
  runs,
  type StoreOptions,
  storeOptions,
} from '../terminal/command.ts';
import { bad, dim, good, many, type Output, strong, warning } from '../terminal/output.ts';

interface Options extends StoreOptions {
  readonly require: readonly Requirement[];
  readonly algorithms?: readonly CoseAlgorithmName[];
  readonly since: number;
  readonly log?: string;
  readonly list?: boolean;
  readonly json?: boolean;
}

/** What a policy may ask of a passkey, in its option's words. */
const REQUIREMENTS = {
  'user-verification': 'a sign-in with user verification was seen (policy.userVerification: required)',
  discoverable: 'a sign-in without a list of passkeys was seen (Immediate UI mode and autofill need it)',
  'device-bound': 'it cannot leave its device (policy.deviceBound)',
  synced: 'it can be backed up',
  enforced: 'a sign-in that was enforced was seen (policy.immediateMediation: require)',
} as const;
type Requirement = keyof typeof REQUIREMENTS;

type Answer = 'met' | 'not_met' | 'unknown';

/** What the records say of one passkey. */
interface Seen {
  signIns: number;
  userVerified: boolean;
  discovered: boolean;
  enforced: boolean;
  /** Its signed flag, of the newest sign-in. */
  backupEligible: boolean | null;
}

interface JudgedPasskey {
  readonly id: string;
  readonly nickname: string;
  readonly enabled: boolean;
  readonly answers: Readonly<Record<string, Answer>>;
}

interface JudgedUser {
  readonly user: string;
  /** Whether an enabled passkey of this user meets everything; `unknown` when one may. */
  readonly ready: Answer;
  readonly passkeys: readonly JudgedPasskey[];
}

export function define(command: Command): void {
  command
    .option('--require <list>', `with commas: ${Object.keys(REQUIREMENTS).join(', ')}`, readRequirements, [
      'user-verification',
    ])
    .option(
      '--algorithms <list>',
      `the algorithms a policy would allow, with commas: ${Object.keys(ALGORITHMS).join(', ')}`,
      readAlgorithms,
    )
    .option('--since <time>', 'how far back records count', instant, Date.now() - 90 * 86_400_000)
    .option('--log <file>', 'take the records from a log of JSON lines instead of the store')
    .option('--list', 'name the users who are not ready')
    .addHelpText(
      'after',
      `\nRequirements:\n${Object.entries(REQUIREMENTS)
        .map(([name, words]) => `  ${name.padEnd(18)} ${words}`)
        .join('\n')}

A record names a passkey by a pseudonym. LATCHKEY_IDENTITY_KEY, your audit.identityKey, tells which one it is, and for records from
before a change of the key LATCHKEY_EARLIER_IDENTITY_KEYS, one a line. Without it
records count for a user's only passkey, or the only one of its AAGUID, and everything else is unknown.`,
    );
  // A default that is a moment would be shown as a number.
  command.options.find(({ long }) => long === '--since')!.defaultValueDescription = '90d';
  jsonOption(
    storeOptions(command),
    'one JSON document: { requirements, since, users, passkeys, recordsNotTold, identityKeys, notReady? }',
  ).action(runs(run));
  examples(command, {
    'Before policy.userVerification becomes required': 'latchkey readiness --store postgres://app@db/app',
    'Who would need a security key':
      'latchkey readiness --store postgres://app@db/app --require device-bound,user-verification --list',
  });
}

async function run(options: Options, { out, signal }: Context) {
  const names: string[] = [...options.require, ...(options.algorithms === undefined ? [] : ['algorithm'])];
  const connection = await openStore(options.store, options);
  const users: Record<Answer, number> = { met: 0, not_met: 0, unknown: 0 };
  const passkeys = Object.fromEntries(
    names.map((name) => [name, { met: 0, not_met: 0, unknown: 0 } as Record<Answer, number>]),
  );
  const notReady: JudgedUser[] = [];
  let total = 0;
  let ambiguous = 0;
  const identity = readIdentityKeys();
  const keys = keyCounter();
  try {
    const records = await signInsByUser(
      options.log === undefined
        ? newestFirst(connection.store.attempts, { since: options.since })
        : recordsOf(options.log, options.since),
      keys,
      out,
      signal,
    );
    const progress = out.progress('Users');
    for await (const { userId, passkeys: own } of everyUser(connection)) {
      signal.throwIfAborted();
      if (own.length === 0) continue;
      const told = tellApart(own, takeRecords(records, userId, identity), identity);
      ambiguous += told.ambiguous;
      const judged = own.map((passkey) => judge(passkey, told.seen.get(passkey.id) ?? null, options));
      for (const { answers } of judged) for (const name of names) passkeys[name]![answers[name]!] += 1;
      total += own.length;
      const ready = best(judged.filter(({ enabled }) => enabled).map(({ answers }) => worst(Object.values(answers))));
      users[ready] += 1;
      if (ready !== 'met') notReady.push({ user: userId, ready, passkeys: judged });
      progress.at(users.met + users.not_met + users.unknown);
    }
    progress.end();
    // Whose these are nobody can tell: they name their user by a pseudonym alone, and no user here has it.
    for (const [name, those] of records) if (isPseudonym(name)) ambiguous += those.length;
  } finally {
    await connection.close();
  }
  const list = options.list === true;
  out.document({
    requirements: names,
    since: new Date(options.since).toISOString(),
    users,
    passkeys: { total, ...passkeys },
    recordsNotTold: ambiguous,
    identityKeys: {
      given: identity?.keyId ?? null,
      earlier: identity?.keyIds.slice(1) ?? [],
      inRecords: Object.fromEntries(keys.counts()),
    },
    ...(list && { notReady }),
  });
  const otherKey = identity === null ? null : otherKeys(identity, keys.counts());
  describe({ names, users, passkeys, total, ambiguous, otherKey, notReady: list ? notReady : [] }, out);
  return users.not_met + users.unknown === 0 ? ('fine' as const) : ('findings' as const);
}

/** Successful sign-ins, by the user's id, or by its pseudonym where that is all there is. */
async function signInsByUser(
  records: AsyncIterable<AttemptRecord>,
  keys: ReturnType<typeof keyCounter>,
  out: Output,
  signal: AbortSignal,
): Promise<Map<string, AttemptRecord[]>> {
  const byUser = new Map<string, AttemptRecord[]>();
  const progress = out.progress('Records');
  let read = 0;
  for await (const record of records) {
    signal.throwIfAborted();
    progress.at(++read);
    const { event, outcome, user } = record;
    const name = user.id ?? user.hash;
    if (outcome !== 'success' || name === null || event.name !== 'latchkey.signin.attempt') continue;
    keys.add(record.credential.ref);
    const own = byUser.get(name);
    if (own === undefined) byUser.set(name, [record]);
    else own.push(record);
  }
  progress.end();
  return byUser;
}

/** The records of one user, under each name that they may have, the newest first: a log begins with the oldest. */
function takeRecords(
  records: Map<string, AttemptRecord[]>,
  userId: string,
  identity: Pseudonymizer | null,
): AttemptRecord[] {
  const all = [userId, ...(identity?.pseudonyms(userId) ?? [])].flatMap((name) => {
    const own = records.get(name) ?? [];
    records.delete(name);
    return own;
  });
  return all.sort((a, b) => Date.parse(b.event.time) - Date.parse(a.event.time));
}

async function* recordsOf(log: string, since: number): AsyncGenerator<AttemptRecord> {
  for await (const line of linesThere(log)) {
    const record = recordIn(line);
    if (record !== null && Date.parse(record.event.time) >= since) yield record;
  }
}

/** Which passkey each record is of. `ambiguous`: how many nobody can tell. */
function tellApart(own: readonly Passkey[], records: readonly AttemptRecord[], identity: Pseudonymizer | null) {
  const byRef = new Map(
    identity === null ? [] : own.flatMap((passkey) => refsOf(identity, passkey).map((ref) => [ref, passkey])),
  );
  const seen = new Map<string, Seen>();
  let ambiguous = 0;
  for (const record of records) {
    const { credential, assertion, attempt, immediate, event } = record;
    // One that was registered after the sign-in did not make it.
    const alike = own.filter(
      ({ aaguid, createdAt }) => aaguid === credential.aaguid && createdAt <= Date.parse(event.time),
    );
    const passkey = byRef.get(credential.ref ?? '') ?? (identity === null && alike.length === 1 ? alike[0] : undefined);
    if (passkey === undefined) {
      ambiguous += 1;
      continue;
    }
    const known = seen.get(passkey.id) ?? {
      signIns: 0,
      userVerified: false,
      discovered: false,
      enforced: false,
      backupEligible: assertion.backupEligible,
    };
    seen.set(passkey.id, known);
    known.signIns += 1;
    known.userVerified ||= assertion.userVerified === true;
    known.discovered ||= attempt.mode === 'immediate' || attempt.mode === 'conditional';
    known.enforced ||= immediate.enforcement === 'enforced';
  }
  return { seen, ambiguous };
}

function judge(passkey: Passkey, seen: Seen | null, { require, algorithms }: Options): JudgedPasskey {
  const proved = (fact: boolean | undefined): Answer => (fact === true ? 'met' : seen === null ? 'unknown' : 'not_met');
  const eligible = passkey.backupEligible ?? seen?.backupEligible ?? null;
  const whether = (wanted: boolean): Answer =>
    eligible === null ? 'unknown' : eligible === wanted ? 'met' : 'not_met';
  const rules: Record<Requirement, () => Answer> = {
    'user-verification': () => proved(seen?.userVerified),
    // Signing in by name only does not show that it could not be found without one.
    discoverable: () => (seen?.discovered === true ? 'met' : 'unknown'),
    'device-bound': () => whether(false),
    synced: () => whether(true),
    enforced: () => proved(seen?.enforced),
  };
  const answers: Record<string, Answer> = Object.fromEntries(require.map((name) => [name, rules[name]()]));
  if (algorithms !== undefined) {
    answers.algorithm = algorithms.some((name) => ALGORITHMS[name] === passkey.algorithm) ? 'met' : 'not_met';
  }
  return { id: passkey.id, nickname: passkey.nickname, enabled: passkey.enabled, answers };
}

const ORDER: readonly Answer[] = ['met', 'unknown', 'not_met'];
/** Of a passkey's answers: one that is not met spoils it. */
const worst = (answers: readonly Answer[]): Answer => ORDER.findLast((answer) => answers.includes(answer)) ?? 'met';
/** Of a user's passkeys: one will do. */
const best = (answers: readonly Answer[]): Answer => ORDER.find((answer) => answers.includes(answer)) ?? 'not_met';

interface Summary {
  readonly names: readonly string[];
  readonly users: Readonly<Record<Answer, number>>;
  readonly passkeys: Readonly<Record<string, Readonly<Record<Answer, number>>>>;
  readonly total: number;
  readonly ambiguous: number;
  /** Why records were not told to passkeys, where they were made with another identity key. */
  readonly otherKey: string | null;
  readonly notReady: readonly JudgedUser[];
}

const TONES = { met: good, unknown: warning, not_met: bad } as const;
const WORDS = { met: 'met', unknown: 'unknown', not_met: 'not met' } as const;

function describe({ names, users, passkeys, total, ambiguous, otherKey, notReady }: Summary, out: Output): void {
  const all = users.met + users.unknown + users.not_met;
  out.line(strong(`${many(all, 'user')} with ${many(total, 'passkey')}`));
  out.line(good('ready'), `      ${many(users.met, 'user')} with an enabled passkey that meets everything`);
  out.line(users.unknown > 0 ? warning('unknown') : 'unknown', `    ${many(users.unknown, 'user')} with one that may`);
  out.line(users.not_met > 0 ? bad('not ready') : 'not ready', `  ${many(users.not_met, 'user')} with none`);
  out.line();
  for (const name of names) {
    const { met, unknown, not_met } = passkeys[name]!;
    out.line(`${name.padEnd(18)} ${met} met, ${unknown} unknown, ${not_met} not met`);
  }
  if (ambiguous > 0)
    out.line(
      dim(
        `${many(ambiguous, 'sign-in')} could not be told to a passkey${process.env.LATCHKEY_IDENTITY_KEY === undefined ? '; LATCHKEY_IDENTITY_KEY would tell' : ''}.`,
      ),
    );
  if (otherKey !== null) out.line(warning(otherKey));
  for (const { user, ready, passkeys: own } of notReady) {
    out.line();
    out.line(TONES[ready](WORDS[ready]), `  user ${user}`);
    for (const { nickname, id, enabled, answers } of own) {
      const lacking = Object.entries(answers).filter(([, answer]) => answer !== 'met');
      const said = lacking.map(([name, answer]) => `${name} ${WORDS[answer]}`).join(', ') || 'meets everything';
      out.line(`  ${id}  ${nickname}${enabled ? '' : ' (disabled)'}: ${said}`);
    }
  }
}

function readRequirements(text: string): readonly string[] {
  return readWords(text, Object.keys(REQUIREMENTS));
}

function readAlgorithms(text: string): readonly string[] {
  return readWords(text, Object.keys(ALGORITHMS));
}

function readWords(text: string, words: readonly string[]): readonly string[] {
  const given = text.split(',').map((word) => word.trim());
  const wrong = given.find((word) => !words.includes(word));
  if (wrong === undefined) return given;
  throw new InvalidArgumentError(`${JSON.stringify(wrong)} is none of ${words.join(', ')}.`);
}
