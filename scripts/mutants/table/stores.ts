/** Mutants of the stores. What must notice is mostly a rule of the store contract, on one database that runs the mutant. */
import type { Mutant } from '../mutate.ts';

const CONTRACT = ['tests/stores/contract.test.ts'];
const REDIS = ['tests/stores/redis.test.ts'];

/** Noticed by rules of the store contract, which begin so. */
const on =
  (database: string, tests: readonly string[], folder: string) =>
  (file: string, find: string, replace: string, rule: string): Mutant => ({
    file: `${folder}/${file}`,
    find,
    replace,
    tests,
    named: `${database} > ${rule}`,
  });

const inMemory = on('memory', CONTRACT, 'packages/core/src/store/memory');
const inPostgres = on('PostgreSQL', CONTRACT, 'packages/sql/src');
const inSqlite = on('SQLite in memory', CONTRACT, 'packages/sql/src');
const inMariadb = on('MariaDB', CONTRACT, 'packages/sql/src');
const inRedis = on('Redis', REDIS, 'packages/redis/src');

/** Noticed by what stands in a file beside the contract. */
const byKnown = (file: string, find: string, replace: string, named: string): Mutant => ({
  file,
  find,
  replace,
  tests: ['tests/stores/known-already.test.ts'],
  named,
});

/** Noticed where somebody else holds the person. */
const byWaiting = (find: string, replace: string, named: string): Mutant => ({
  file: 'packages/sql/src/passkeys.ts',
  find,
  replace,
  tests: ['tests/stores/one-after-another.test.ts'],
  named,
});

/** Noticed by what SQLite has committed, and how. */
const byCommits = (find: string, replace: string, named: string): Mutant => ({
  file: 'packages/sql/src/connection.ts',
  find,
  replace,
  tests: ['tests/stores/durability.test.ts'],
  named,
});

/** Noticed by what only Redis must keep. */
const byRedis = (file: string, find: string, replace: string, named: string): Mutant => ({
  file: `packages/redis/src/${file}`,
  find,
  replace,
  tests: REDIS,
  named,
});

export const STORE_MUTANTS: readonly Mutant[] = [
  byCommits('= full`', '= normal`', 'is signed in at NORMAL; their passkeys come'),
  byCommits('= normal`', '= full`', 'leaves the connection as it was'),
  byCommits(' !== NORMAL) return', ' < 0) return', 'has OFF for everything'),
  inMemory(
    'invitations.ts',
    ' || attemptId !== from.attemptId',
    '',
    'invitations > changes the state only from the one that is expected',
  ),
  inPostgres(
    'invitations.ts',
    ".where('status', '=', p.fromStatus)",
    '',
    'invitations > changes the state only from the one that is expected',
  ),
  inSqlite(
    'invitations.ts',
    ".where('attempt_id', attempt, attempt === 'is' ? null : p.fromAttemptId)",
    '',
    'invitations > changes the state only from the one that is expected',
  ),
  inRedis(
    'invitations.ts',
    'if not current or current[1] ~= ARGV[1] then return false end',
    'if not current then return false end',
    'invitations > gives the change to one of 50 at once',
  ),
  // --- memory: a challenge, a use, a session ---
  inMemory(
    'challenges.ts',
    "if (binding !== ceremony.binding) return { status: 'mismatch', member: 'binding' };",
    '',
    'challenges > gives a ceremony only to its binding',
  ),
  inMemory(
    'challenges.ts',
    "entry.ceremony = 'consumed';",
    '',
    'challenges > gives the challenge to one of 50 concurrent takers',
  ),
  byKnown(
    'packages/core/src/store/memory/challenges.ts',
    "if (known.has(attemptId)) throw new Error('A ceremony with this attempt id is already known.');",
    '',
    'memory > a ceremony',
  ),
  inMemory(
    'passkeys.ts',
    "if (passkey.lastUsedAt === null && current.lastUsedAt !== null) return 'stale';",
    '',
    'passkeys > records one of ten uses that would each be the first',
  ),
  inMemory('passkeys.ts', 'Math.max(at, declined.get(userId) ?? at)', 'at', 'passkeys > keeps the latest "not now"'),
  inMemory('passkeys.ts', 'declined.delete(userId);', '', 'passkeys > keeps the latest "not now"'),
  inMemory(
    'passkeys.ts',
    "if (session && sessions.begin(session) === false) return 'session_gone';",
    'if (session) sessions.begin(session);',
    'uses with a session > records no use where the session to renew is gone',
  ),
  inMemory(
    'passkeys.ts',
    'publicKey: new Uint8Array(passkey.publicKey),',
    'publicKey: passkey.publicKey,',
    'passkeys > keeps its own copy of the bytes',
  ),
  inMemory(
    'sessions.ts',
    'if (renews && replaced?.session.id !== session.id) return false;',
    '',
    'sessions > renews nothing that has ended',
  ),
  inMemory(
    'sessions.ts',
    'if (which.rpId !== undefined && session.rpId !== which.rpId) return false;',
    '',
    'sessions > ends one by its id, only for its user and at its relying party',
  ),
  inMemory(
    'sessions.ts',
    'return b.seenAt - a.seenAt || b.createdAt - a.createdAt',
    'return b.createdAt - a.createdAt',
    'sessions > ends all of a user at one relying party but one and so many others',
  ),
  // --- SQL: a challenge ---
  inPostgres(
    'challenges.ts',
    ".where('status', '=', 'open')\n        .where('expires_at', '>', take.now)",
    ".where('expires_at', '>', take.now)",
    'challenges > gives the challenge to one of 50 concurrent takers',
  ),
  inPostgres(
    'challenges.ts',
    ".where('expires_at', '>', take.now)",
    '',
    'challenges > gives nothing from the instant of expiry on',
  ),
  inPostgres(
    'challenges.ts',
    ".where('binding', '=', take.binding)",
    '',
    'challenges > gives a ceremony only to its binding',
  ),
  inPostgres(
    'challenges.ts',
    ".$if(user === 'nobody', (query) => query.where('user_id', 'is', null))",
    '',
    'challenges > gives a ceremony only to its user',
  ),
  inPostgres(
    'challenges.ts',
    ".where('binding', '=', binding)",
    '',
    'challenges > begins an open ceremony for its own binding only',
  ),
  inPostgres(
    'challenges.ts',
    ' || now - Number(row.expires_at) > REMEMBERED_MS',
    '',
    'challenges > remembers that an id was taken until ten minutes after its expiry',
  ),
  inMariadb(
    'challenges.ts',
    ".$if(dialect !== 'sqlite', (query) => query.forUpdate().skipLocked())",
    '',
    'challenges > gives each expired ceremony to one of two sweepers',
  ),
  // --- SQL: a use, alone and with its session ---
  inPostgres(
    'use.ts',
    ".where('enabled', '=', 1)",
    '',
    'passkeys > records no use of a passkey that is disabled, removed',
  ),
  inPostgres(
    'use.ts',
    ".where('generation', '=', p.readGeneration)",
    '',
    'passkeys > records no use of a passkey that was disabled and enabled meanwhile',
  ),
  inPostgres(
    'use.ts',
    ".where('sign_count', '=', p.readCount)",
    '',
    'passkeys > records no use of a passkey that is disabled, removed, moved on',
  ),
  inPostgres(
    'use.ts',
    "or([eb('last_used_at', 'is', null), ",
    "or([eb('id', '=', p.passkeyId), ",
    'passkeys > records one of ten uses that would each be the first',
  ),
  inPostgres(
    'use.ts',
    "\n            .where(({ exists, selectFrom }) => exists(selectFrom('used').select('id'))),",
    ',',
    'uses with a session > begins, ends and renews nothing where the use is stale',
  ),
  inPostgres(
    'use.ts',
    ".where('token_hash', '=', p.replaces)\n            .forUpdate(),",
    '.forUpdate(),',
    'uses with a session > records no use where the session to renew is gone',
  ),
  inSqlite(
    'passkeys.ts',
    "dialect === 'sqlite' ? 'max'",
    "dialect === 'sqlite' ? 'min'",
    'passkeys > keeps the latest "not now"',
  ),
  inPostgres('passkeys.ts', 'await dropDecline({ userId }, inside);', '', 'passkeys > keeps the latest "not now"'),
  inSqlite(
    'use.ts',
    'throw SESSION_GONE;',
    "return 'session_gone';",
    'uses with a session > records no use where the session to renew is gone',
  ),
  // --- SQL: sessions ---
  inPostgres(
    'sessions.ts',
    ".where('token_hash', '=', row.replaces)",
    '',
    'sessions > renews a session for one of ten at once',
  ),
  byKnown(
    'packages/sql/src/sessions.ts',
    'transaction((inside) => begin(start, inside))',
    'begin(start)',
    'PostgreSQL > a session that another would replace',
  ),
  inPostgres(
    'sessions.ts',
    'case when seen_at < ',
    'case when seen_at <> ',
    'sessions > stores when a session was seen, and never moves it back',
  ),
  inPostgres(
    'sessions.ts',
    ".where('expires_at', '<=', p.now)\n",
    '\n',
    'sessions > forgets expired sessions, at most so many a call, and never a live one',
  ),
  inPostgres(
    'sessions.ts',
    "...('except' in which && which.except !== undefined ? [eb('id', '!=', which.except)] : []),",
    '',
    'sessions > ends all of a user, at one relying party or all but one',
  ),
  inPostgres(
    'sessions.ts',
    "or([eb('passkey_id', '=', which.passkeyId), eb('step_up_passkey_id', '=', which.passkeyId)])",
    "eb('passkey_id', '=', which.passkeyId)",
    'sessions > ends all that a passkey made or confirmed',
  ),
  inPostgres(
    'sessions.ts',
    "...('rpId' in which && which.rpId !== undefined ? [eb('rp_id', '=', which.rpId)] : []),",
    '',
    'sessions > ends one by its id, only for its user and at its relying party',
  ),
  inPostgres(
    'sessions.ts',
    ".orderBy('seen_at', 'desc')\n",
    '\n',
    'sessions > ends all of a user at one relying party but one and so many others',
  ),
  inPostgres(
    'sessions.ts',
    ".where('rp_id', '=', p.rpId)",
    '',
    'sessions > ends all of a user at one relying party but one and so many others',
  ),
  inSqlite(
    'sessions.ts',
    ".where('id', '!=', p.except)",
    '',
    'sessions > ends all of a user at one relying party but one and so many others',
  ),
  inPostgres(
    'sessions.ts',
    'first_factor: Number(session.firstFactor),',
    'first_factor: 0,',
    'sessions > gives a session back as it was begun',
  ),
  inPostgres(
    'sessions.ts',
    'userVerified: row.step_up_user_verified !== null && flagOf(row.step_up_user_verified),',
    'userVerified: true,',
    'sessions > gives a session back as it was begun',
  ),
  // --- SQL: passkeys and records ---
  inPostgres('passkeys.ts', 'attested: flagOf(row.attested),', 'attested: true,', 'passkeys > gives a passkey back'),
  inPostgres(
    'use.ts',
    ".where('sign_count', '=', p.readCount)",
    '',
    'passkeys > records one of ten uses that saw the same counter',
  ),
  byWaiting(".doUpdateSet({ user_id: sql.ref('excluded.user_id') })", '.doNothing()', 'PostgreSQL > insert'),
  byWaiting("insert.onDuplicateKeyUpdate({ user_id: sql.ref('user_id') })", 'insert.ignore()', 'MariaDB > insert'),
  byWaiting('await lock({ userId }, inside);\n      const own', 'const own', 'PostgreSQL > remove'),
  inPostgres(
    'passkeys.ts',
    '.filter((each) => each.rpId === rpId)',
    '',
    'passkeys > keeps the last enabled passkey at a relying party',
  ),
  inPostgres(
    'passkeys.ts',
    'generation: passkey.generation + Number(disabling),',
    'generation: passkey.generation,',
    'passkeys > raises the generation at each disabling',
  ),
  inPostgres('passkeys.ts', 'await dropHandle({ userId }, inside);', '', 'passkeys > forgets a user'),
  inPostgres(
    'attempts.ts',
    "query.selectFrom(attempts).select('event_id').where('user_id', '=', userId).limit(limit)",
    "query.selectFrom(attempts).select('event_id').limit(limit)",
    'attempts > erases every record that names a user',
  ),
  // --- Redis: a challenge ---
  inRedis(
    'challenges.ts',
    "if binding ~= ceremony[BINDING] then return { '\"mismatch\"', 'binding' } end",
    '',
    'challenges > gives a ceremony only to its binding',
  ),
  inRedis(
    'challenges.ts',
    'close(KEYS[1], ceremony, \'"consumed"\', now)',
    "redis.call('DEL', KEYS[1])",
    'challenges > answers consumed to every later take',
  ),
  byKnown('packages/redis/src/challenges.ts', "'PX', ttl, 'NX')", "'PX', ttl)", 'Redis > a ceremony'),
  byRedis(
    'challenges.ts',
    "memory, 'PX', string.format",
    "memory, 'PX', 60000 + 0 * string.format",
    'a ceremony and its memory stay at least as long as they are needed',
  ),
  // --- Redis: a use, and passkeys ---
  inRedis(
    'passkeys.ts',
    'if not kept or kept < tonumber(ARGV[1]) then',
    'if true then',
    'passkeys > keeps the latest "not now"',
  ),
  inRedis(
    'passkeys.ts',
    'DELETE(redis, [declineKey(userId)])',
    'Promise.resolve()',
    'passkeys > keeps the latest "not now"',
  ),
  inRedis(
    'passkeys.ts',
    ' or lines[2] ~= generation',
    '',
    'passkeys > records no use of a passkey that was disabled and enabled meanwhile',
  ),
  inRedis(
    'passkeys.ts',
    "if read_used_at == 'null' and lines[4] ~= 'null' then return 'stale' end",
    '',
    'passkeys > records one of ten uses that would each be the first',
  ),
  inRedis(
    'passkeys.ts',
    'if refused then return refused end\nlines[3]',
    'lines[3]',
    'uses with a session > records no use where the session to renew is gone',
  ),
  inRedis(
    'passkeys.ts',
    "if (redis.call('HGET', KEYS[1], 'version') or '') ~= read_version then return false end",
    '',
    'passkeys > keeps one of two enabled passkeys when both are removed or disabled at once',
  ),
  inRedis(
    'passkeys.ts',
    'if held and split(held, 1)[1] ~= ARGV[1] then return false end',
    '',
    'passkeys > gives one credential id to one of two users',
  ),
  inRedis(
    'passkeys.ts',
    'do changed[line] = used[line] end',
    'do end',
    'passkeys > loses no use to a change at the same time',
  ),
  byRedis(
    'passkeys.ts',
    "if mark ~= '' and redis.call('HGET', KEYS[1], 'forgotten') == mark then return 'forgotten' end",
    '',
    'is free, and its user can come back, when an insert meets a user who is just forgotten',
  ),
  byRedis(
    'client.ts',
    "if (!userId.isWellFormed()) throw new TypeError('A user id has a lone surrogate.');",
    '',
    'is refused to a user whose handle is another’s',
  ),
  byRedis('passkeys.ts', 'do changed[line] = used[line] end', 'do end', 'mutant 2'),
  byRedis('passkeys.ts', 'return owned.owner === userId ? owned : null;', 'return owned;', 'mutant 14'),
  inRedis(
    'passkeys.ts',
    ' or lines[3] ~= read_count',
    '',
    'passkeys > records one of ten uses that saw the same counter',
  ),
  // --- Redis: sessions and records ---
  inRedis(
    'sessions.ts',
    '.filter((session) => session.rpId === rpId)',
    '',
    'sessions > ends all of a user at one relying party but one and so many others',
  ),
  inRedis(
    'sessions.ts',
    '.sort((a, b) => b.seenAt - a.seenAt ||',
    '.sort((a, b) => 0 ||',
    'sessions > ends all of a user at one relying party but one and so many others',
  ),
  inRedis(
    'sessions.ts',
    "if not current or current[TOKEN] ~= replaces then return 'session_gone' end",
    "if not current then return 'session_gone' end",
    'sessions > renews a session for one of ten at once',
  ),
  inRedis(
    'sessions.ts',
    "if user ~= '' and user ~= current[USER] then return false end",
    '',
    'sessions > ends one by its id, only for its user',
  ),
  inRedis(
    'sessions.ts',
    ' and passkey ~= current[CONFIRMED_BY]',
    '',
    'sessions > ends all that a passkey made or confirmed',
  ),
  byRedis(
    'sessions.ts',
    'return session?.tokenHash === tokenHash ? session : null;',
    'return session;',
    'a renewal that crashes anywhere leaves one good token',
  ),
  byRedis(
    'sessions.ts',
    'Math.max(realNow, Math.ceil(expiresAt)) + KEPT_MS',
    'Math.max(realNow, Math.ceil(expiresAt)) + 60_000',
    'a session stays until an hour after its expiry',
  ),
  byRedis('sessions.ts', ", 'KEEPTTL')", ')', 'a session stays until an hour after its expiry'),
  byRedis('attempts.ts', 'if over > 0 then', 'if false then', 'attempt records stay up to the bound'),
];
