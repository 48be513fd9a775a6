/**
 * `latchkey users`: what an operator does with a person's passkeys, sessions and invitations. Through core, so that each change is recorded
 * with who made it and why, and sessions end.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { fileSink } from '@latchkey/audit';
import {
  type AttemptRecord,
  type Change,
  ConfigurationError,
  createPasskeys,
  type Duration,
  type SignInSession,
  type Sink,
  type UserAdministration,
} from '@latchkey/core';
import type { Command } from 'commander';
import { openStore, type StoreConnection } from '../connection.ts';
import { readIdentityKeys } from '../identity.ts';
import { type Context, examples, jsonOption, runs, type StoreOptions, storeOptions } from '../terminal/command.ts';
import { confirm } from '../terminal/confirm.ts';
import { Fault, messageOf } from '../terminal/fault.ts';
import { dim, good, many, type Output, strong } from '../terminal/output.ts';
import { printPasskeys, shownPasskeys } from './passkeys.ts';

type ShowOptions = StoreOptions & { readonly user: string; readonly json?: boolean };
type InviteOptions = Omit<ChangeOptions, 'passkey'> & {
  readonly for: string;
  readonly replacesAll?: boolean;
  readonly rpId?: string;
};
type ChangeOptions = ShowOptions & {
  readonly passkey?: string;
  readonly reason: string;
  readonly log?: string;
  readonly yes?: boolean;
};

/** What a change did: how many of each. */
type Done = Readonly<Record<string, number>>;

interface Verb {
  readonly description: string;
  /** Whether it is about one passkey: always, never, or with --passkey only. */
  readonly onePasskey: 'always' | 'never' | 'perhaps';
  /** What is asked before it is done. */
  asks(user: string, passkey: string | undefined): string;
  /** What it does at one relying party. */
  run(user: UserAdministration, change: Change, passkey: string | undefined): Promise<Done>;
}

const count = (changed: object | null): number => (changed === null ? 0 : 1);

const VERBS: Readonly<Record<string, Verb>> = {
  disable: {
    description: 'Disable a passkey, also the last one: it signs nobody in, and its sessions end.',
    onePasskey: 'always',
    asks: (user, passkey) => `Passkey ${passkey} of user ${user} is disabled, and its sessions end.`,
    run: async (user, change, passkey) => ({ passkeys: count(await user.disable({ ...change, id: passkey! })) }),
  },
  enable: {
    description: 'Enable a passkey that was disabled.',
    onePasskey: 'always',
    asks: (user, passkey) => `Passkey ${passkey} of user ${user} is enabled: it signs in again.`,
    run: async (user, change, passkey) => ({ passkeys: count(await user.enable({ ...change, id: passkey! })) }),
  },
  remove: {
    description: 'Remove a passkey, or without --passkey all of them, also the last one. Sessions end.',
    onePasskey: 'perhaps',
    asks: (user, passkey) =>
      passkey === undefined
        ? `Every passkey of user ${user} is removed, and every session ends.`
        : `Passkey ${passkey} of user ${user} is removed, and its sessions end.`,
    run: async (user, change, passkey) => ({
      passkeys:
        passkey === undefined ? await user.removeAll(change) : count(await user.remove({ ...change, id: passkey })),
    }),
  },
  'end-sessions': {
    description: 'End every session. The passkeys stay.',
    onePasskey: 'never',
    asks: (user) => `Every session of user ${user} ends.`,
    run: async (user, change) => ({ sessions: await user.endSessions(change) }),
  },
  'end-invitations': {
    description: 'Revoke the open invitation.',
    onePasskey: 'never',
    asks: (user) => `The open invitation of user ${user} is revoked.`,
    run: async (user, change) => ({ invitations: await user.endInvitations(change) }),
  },
  forget: {
    description:
      'Forget the user: passkeys, user handle, sessions, invitations, and the records of attempts in the store.',
    onePasskey: 'never',
    asks: (user) => `Everything the store has of user ${user} is removed for good.`,
    run: async (user, change) => ({ ...(await user.forget(change)) }),
  },
};

export function define(command: Command): void {
  const show = command
    .command('show')
    .description('Say which passkeys and sessions a user has.')
    .requiredOption('--user <id>', "the application's own id of a user");
  jsonOption(storeOptions(show), 'one JSON document: { user, passkeys, sessions, invitations }').action(runs(runShow));
  const invite = command
    .command('invite')
    .description('Issue the right to register one passkey, and print its token once. An open one is revoked.')
    .requiredOption('--user <id>', "the application's own id of a user")
    .requiredOption('--reason <text>', 'why, for the record: one line; it names neither a secret nor the person')
    .option('--for <duration>', 'how long it is good for: 1m to 24h', '1h')
    .option('--replaces-all', "when it is used, the user's other passkeys are removed and every session ends")
    .option('--rp-id <domain>', 'the RP ID it is good at; default: the one where the user has something')
    .option('--log <file>', 'a log of JSON lines that the record is also written to; not one that is chained')
    .option('--yes', 'do not ask');
  jsonOption(storeOptions(invite), 'one JSON document: { user, id, token, expiresAt }').action(runs(runInvite));
  for (const [name, verb] of Object.entries(VERBS)) {
    const one = command
      .command(name)
      .description(verb.description)
      .requiredOption('--user <id>', "the application's own id of a user")
      .requiredOption('--reason <text>', 'why, for the record: one line; it names neither a secret nor the person')
      .option('--log <file>', 'a log of JSON lines that the record is also written to; not one that is chained')
      .option('--yes', 'do not ask');
    if (verb.onePasskey === 'always') one.requiredOption('--passkey <id>', 'the passkey, as `users show` names it');
    if (verb.onePasskey === 'perhaps') one.option('--passkey <id>', 'this passkey only, as `users show` names it');
    jsonOption(storeOptions(one), 'one JSON document: { user, <what there was of each> }').action(
      runs((options: ChangeOptions, context) => runVerb(verb, options, context)),
    );
  }
  command.addHelpText(
    'after',
    `
Each change is recorded with by: operator and your reason, in the store's attempts and with --log in a file. Nobody is notified: your
application knows how to reach people, this command does not. LATCHKEY_IDENTITY_KEY, your audit.identityKey, names the passkey in the record.
A running application sees that a session has ended when it asks the store again: after sessions.revalidateAfter, 60 seconds.
Exit code 1: there was nothing to change.`,
  );
  examples(command, {
    'A phone was lost': 'latchkey users remove --user 42 --passkey 7d0f… --reason "lost phone, ticket 4711"',
    'Everything was lost':
      'latchkey users invite --user 42 --replaces-all --for 10m --reason "lost phone and laptop, ticket 4713"',
    'An account was deleted': 'latchkey users forget --user 42 --reason "account deleted, ticket 4712" --yes',
  });
}

async function runShow(options: ShowOptions, { out }: Context) {
  const { user } = options;
  const connection = await openStore(options.store, options);
  try {
    const { store } = connection;
    const passkeys = shownPasskeys(await store.passkeys.listByUser(user), readIdentityKeys());
    const now = Date.now();
    const sessions = (await store.sessions.listByUser(user))
      .filter(({ expiresAt }) => now < expiresAt)
      .map(shownSession);
    const invitations = (await store.invitations.listByUser(user))
      .filter(({ status, expiresAt }) => status === 'open' && now < expiresAt)
      .map(({ id, rpId, createdAt, expiresAt, binding, replacesAll }) => {
        return { id, rpId, createdAt, expiresAt, opened: binding !== null, replacesAll };
      });
    out.document({ user, passkeys, sessions, invitations });
    out.line(strong(many(passkeys.length, 'passkey')));
    printPasskeys(passkeys, out);
    out.line(strong(many(sessions.length, 'session')));
    for (const { id, passkeyId, createdAt, seenAt, address } of sessions) {
      out.line(id, `  passkey ${passkeyId}`, ...(address === null ? [] : [`  from ${address}`]));
      out.line('  ', dim('began      '), new Date(createdAt).toISOString());
      out.line('  ', dim('last seen  '), new Date(seenAt).toISOString());
    }
    for (const { id, expiresAt, opened } of invitations) {
      out.line(strong('invitation'), `  ${id}${opened ? '  opened in a browser' : ''}`);
      out.line('  ', dim('expires    '), new Date(expiresAt).toISOString());
    }
    return passkeys.length + sessions.length + invitations.length > 0 ? ('fine' as const) : ('findings' as const);
  } finally {
    await connection.close();
  }
}

function shownSession({ id, rpId, passkeyId, createdAt, seenAt, expiresAt, address, userAgent }: SignInSession) {
  return { id, rpId, passkeyId, createdAt, seenAt, expiresAt, address, userAgent };
}

async function runVerb(verb: Verb, options: ChangeOptions, { out, signal }: Context) {
  const { user, passkey, reason, yes } = options;
  checkChange(options, out);
  const connection = await openStore(options.store, options);
  try {
    await confirm(verb.asks(user, passkey), yes, signal);
    const sum: Record<string, number> = {};
    for (const rpId of await relyingPartiesOf(connection, user)) {
      const done = await changeAt(rpId, connection, options, (own) =>
        verb.run(own, { by: 'operator', reason }, passkey),
      );
      for (const [what, did] of Object.entries(done)) sum[what] = (sum[what] ?? 0) + did;
    }
    out.document({ user, ...sum });
    const changed = Object.values(sum).some((did) => did > 0);
    if (!changed) {
      out.note(
        passkey === undefined
          ? `User ${user} has nothing of that here.`
          : `User ${user} has no passkey ${passkey} here.`,
      );
      return 'findings' as const;
    }
    out.line(
      good('done'),
      `  ${Object.entries(sum)
        .map(([what, did]) => many(did, what.replace(/s$/, '')))
        .join(', ')}`,
    );
    return 'fine' as const;
  } finally {
    await connection.close();
  }
}

async function runInvite(options: InviteOptions, { out, signal }: Context) {
  const { user, reason, yes, replacesAll } = options;
  checkChange(options, out);
  const connection = await openStore(options.store, options);
  try {
    const rpId = options.rpId ?? (await relyingPartyOf(connection, user));
    const replaces = replacesAll === true ? ', and all passkeys there are go when it is used' : '';
    await confirm(`User ${user} is invited to register a passkey at ${rpId}${replaces}.`, yes, signal);
    const invited = await changeAt(rpId, connection, options, async (own) => {
      try {
        const life = options.for as Duration;
        return await own.invite({ by: 'operator', reason, for: life, ...(replacesAll && { replaces: 'all' }) });
      } catch (error) {
        throw error instanceof ConfigurationError ? new Fault('usage', `--for: ${error.instead}`, error) : error;
      }
    });
    out.document({ user, ...invited });
    out.line(good('invited'), `  until ${new Date(invited.expiresAt).toISOString()}  ${invited.id}`);
    out.line(strong(invited.token));
    out.note('The token is shown once. Whoever has it can make a passkey for this user: hand it to nobody else.');
    return 'fine' as const;
  } finally {
    await connection.close();
  }
}

function checkChange({ reason, log }: Pick<ChangeOptions, 'reason' | 'log'>, out: Output): void {
  if (reason.trim() === '') throw new Fault('usage', '--reason says why, in a few words: it stands in the record.');
  if (log !== undefined) checkUnchained(log);
  if (readIdentityKeys() === null)
    out.note('LATCHKEY_IDENTITY_KEY is not set: the record names the passkey by a reference that no other record has.');
}

/** The one relying party where the user has something. An invitation for another would be good nowhere. */
async function relyingPartyOf(connection: StoreConnection, user: string): Promise<string> {
  const [only, ...others] = await keptAt(connection, user);
  if (only !== undefined && others.length === 0) return only;
  const has = only === undefined ? 'has nothing here yet' : `has something at ${[only, ...others].join(' and ')}`;
  throw new Fault('usage', `User ${user} ${has}: say with --rp-id which RP ID the invitation is for.`);
}

/** Where the user has passkeys, sessions or invitations; one that is nobody's where they have neither, for what is not kept by relying party. */
async function relyingPartiesOf(connection: StoreConnection, user: string): Promise<ReadonlySet<string>> {
  const kept = await keptAt(connection, user);
  return kept.size > 0 ? kept : new Set(['localhost']);
}

async function keptAt({ store }: StoreConnection, user: string): Promise<ReadonlySet<string>> {
  const { passkeys, sessions, invitations } = store;
  const kept = await Promise.all([passkeys, sessions, invitations].map((each) => each.listByUser(user)));
  return new Set(kept.flat().map(({ rpId }) => rpId));
}

/** Makes the change as the application would, and waits until its records are written. Throws a {@link Fault} where they are not. */
async function changeAt<T>(
  rpId: string,
  { store, shown }: StoreConnection,
  { user, log }: Pick<ChangeOptions, 'user' | 'log'>,
  change: (user: UserAdministration) => Promise<T>,
): Promise<T> {
  const unwritten: string[] = [];
  const file = log === undefined ? null : fileSink({ path: log, fsync: 'always' });
  const key = process.env.LATCHKEY_IDENTITY_KEY;
  const passkeys = createPasskeys({
    rp: { id: rpId, name: rpId, origins: [rpId === 'localhost' ? 'http://localhost' : `https://${rpId}`] },
    users: { find: () => null },
    store,
    sweepEvery: false,
    rateLimit: false,
    logger: { info: () => {}, warn: () => {}, error: (fields) => void unwritten.push(describe(fields)) },
    audit: { sinks: file === null ? [] : [written(file)], ...(key && { identityKey: key }) },
  });
  let done: T;
  try {
    done = await change(passkeys.forUser(user));
  } catch (error) {
    if (error instanceof Fault) throw error;
    const { cause } = error as Error;
    throw cause === undefined
      ? error
      : new Fault('unreachable', `${shown} does not answer: ${messageOf(cause)}`, error);
  } finally {
    await passkeys.close();
    await file?.close();
  }
  if (unwritten.length > 0)
    throw new Fault('unreachable', `The change was made, and not recorded everywhere: ${unwritten.join('; ')}`);
  return done;
}

const written = (file: ReturnType<typeof fileSink>): Sink => ({
  name: 'log',
  write: (record: AttemptRecord) => file.write(record),
});

function describe(fields: object): string {
  const { sink, error } = fields as { sink?: string; error?: { message?: string } };
  return `${sink ?? 'a record'}: ${error?.message ?? 'no message'}`;
}

/** How much of a log's end is looked at: more than one record. */
const END = 65_536;

/** A line without a seal in a chained log is what an intruder leaves. */
function checkUnchained(log: string): void {
  if (!existsSync(log)) return;
  const fd = openSync(log, 'r');
  try {
    const { size } = fstatSync(fd);
    const end = Buffer.alloc(Math.min(size, END));
    readSync(fd, end, 0, end.length, size - end.length);
    if (/"integrity":\{/.test(end.toString('utf8')))
      throw new Fault(
        'usage',
        `${log} is a chained log, and a line without a seal breaks its chain: name a file of its own.`,
      );
  } finally {
    closeSync(fd);
  }
}
