/** Checks of a store: what a database must be set to, so that it keeps what it was given and says the right time. */
import { statSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import type { RedisConnection, SqlConnection, StoreConnection } from '../connection.ts';
import { everyUser } from '../every-passkey.ts';
import { about, type Finding, judgeClock } from './finding.ts';
import { checkIdentityKey } from './identity-key.ts';
import { checkSchema } from './schema.ts';

export async function checkStore(connection: StoreConnection): Promise<Finding[]> {
  if (connection.kind === 'sql') return checkSql(connection);
  const users = await everyUser(connection).next();
  const hasPasskeys = users.done !== true;
  const findings: Finding[] = [];
  for (const node of mastersOf(connection)) findings.push(...(await checkRedis(node, hasPasskeys)));
  return [...findings, await checkIdentityKey(connection.store.attempts)];
}

function mastersOf({ redis }: RedisConnection): Redis[] {
  return 'nodes' in redis ? (redis as Cluster).nodes('master') : [redis as Redis];
}

async function checkRedis(redis: Redis, hasPasskeys: boolean): Promise<Finding[]> {
  const info = readInfo(await redis.info());
  const at = `Redis ${info.redis_version ?? '(version not said)'} on port ${info.tcp_port ?? redis.options.port}`;
  return [
    judgeVersion(at, info),
    judgeEviction(at, info),
    judgePersistence(at, info, hasPasskeys),
    ...judgeHealth(at, info),
    await redisClock(redis, at),
  ];
}

type Info = Readonly<Record<string, string | undefined>>;

function readInfo(text: string): Info {
  return Object.fromEntries(
    text.split('\r\n').flatMap((line) => (line.includes(':') ? [line.split(/:(.*)/s, 2)] : [])),
  );
}

function judgeVersion(at: string, info: Info): Finding {
  const { ok, error } = about('store_version');
  return Number.parseInt(info.redis_version ?? '6', 10) >= 6 ? ok(at) : error(at, 'Use Redis 6 or newer.');
}

/** A challenge that is thrown away is a refused sign-in; a passkey that is thrown away is gone. */
function judgeEviction(at: string, info: Info): Finding {
  const { ok, warning, error } = about('redis_eviction');
  const policy = info.maxmemory_policy;
  const todo = 'Set `maxmemory-policy noeviction`: then a full memory refuses writes, and nothing is lost.';
  if (policy === undefined)
    return warning(`${at} does not say its maxmemory-policy`, `Find out from whoever runs it. ${todo}`);
  if (policy === 'noeviction') return ok(`${at} evicts nothing`);
  const what = policy.startsWith('allkeys') ? 'passkeys and challenges' : 'challenges';
  if (info.maxmemory === '0')
    return warning(`${at} has ${policy}, and would evict ${what} once maxmemory is set; it is 0 now`, todo);
  return error(`${at} has ${policy}: when its memory is full it throws away ${what}`, todo);
}

function judgePersistence(at: string, info: Info, hasPasskeys: boolean): Finding {
  const { ok, info: note, warning, error } = about('redis_persistence');
  if (info.aof_enabled === '1') return ok(`${at} appends to a file`);
  const snapshots =
    info.rdb_last_save_time !== undefined &&
    (info.rdb_saves === undefined ? info.rdb_last_bgsave_time_sec !== '-1' : info.rdb_saves !== '0');
  const todo = 'Set `appendonly yes`: passkeys here are the only copy.';
  if (!hasPasskeys)
    return note(
      `${at} appends to no file; there are no passkeys in it`,
      'For challenges alone that is the strict choice. With passkeys in it, set `appendonly yes`.',
    );
  if (snapshots)
    return warning(`${at} has passkeys and keeps snapshots only: a crash loses what came after the last`, todo);
  return error(`${at} has passkeys and keeps nothing on disk: a restart loses them`, todo);
}

function* judgeHealth(at: string, info: Info): Generator<Finding> {
  const { error, info: note } = about('redis_health');
  if (info.role === 'slave')
    yield error(`${at} is a replica: it takes no writes`, 'Point the URL at the master, or use Sentinel.');
  for (const [member, what] of [
    ['rdb_last_bgsave_status', 'save its snapshot'],
    ['aof_last_write_status', 'write its append-only file'],
  ] as const) {
    if (info[member] === 'err')
      yield error(`${at} could not ${what}: it may refuse writes`, 'Look at its log and its disk.');
  }
  if (Number(info.connected_slaves) > 0 && info.min_slaves_good_slaves === undefined)
    yield note(
      `${at} has replicas and takes writes without them`,
      'After a failover a challenge may be taken twice; `min-replicas-to-write 1` narrows that.',
    );
}

async function redisClock(redis: Redis, at: string): Promise<Finding> {
  const asked = Date.now();
  const [seconds, micros] = (await redis.time()) as unknown as [number | string, number | string];
  return judgeClock(
    'store_clock',
    `${at}: its`,
    Number(seconds) * 1_000 + Number(micros) / 1_000 - (asked + Date.now()) / 2,
    Date.now() - asked,
  );
}

async function checkSql(connection: StoreConnection & SqlConnection): Promise<Finding[]> {
  const own = await { sqlite: checkSqlite, postgres: checkPostgres, mysql: checkMysql }[connection.dialect](connection);
  const schema = await checkSchema(connection, connection.place);
  const whole = !schema.some(({ severity }) => severity === 'error');
  return [
    ...own,
    ...schema,
    ...(whole ? [await checkSweep(connection), await checkIdentityKey(connection.store.attempts)] : []),
  ];
}

async function checkSqlite({ run, shown }: SqlConnection): Promise<Finding[]> {
  const file = shown.slice('sqlite:'.length).replace(/^\/\//, '');
  const [row] = await run<{ version: string; journal: string }>(
    'select sqlite_version() as version, journal_mode as journal from pragma_journal_mode()',
  );
  const { mode } = statSync(file);
  const journal = about('sqlite_journal');
  return [
    about('store_version').ok(`SQLite ${row!.version}`),
    row!.journal === 'wal'
      ? journal.ok('SQLite writes ahead (WAL)')
      : journal.warning(
          `SQLite has journal_mode ${row!.journal}: who reads and who writes wait for each other`,
          "Say `file.pragma('journal_mode = WAL')` where your application opens it.",
        ),
    ...((mode & 0o007) === 0
      ? []
      : [
          about('sqlite_file').warning(
            `Every user of this machine can open ${file}`,
            `chmod o= ${file}: it has user ids, addresses and sign-in records.`,
          ),
        ]),
  ];
}

async function checkPostgres({ run }: SqlConnection): Promise<Finding[]> {
  const asked = Date.now();
  const [row] = await run<{ version: string; replica: boolean; read_only: string; now: string }>(
    `select current_setting('server_version') as version, pg_is_in_recovery() as replica,
      current_setting('default_transaction_read_only') as read_only, extract(epoch from clock_timestamp()) * 1000 as now`,
  );
  return [
    about('store_version').ok(`PostgreSQL ${row!.version}`),
    ...judgeWritable(row!.replica || row!.read_only === 'on'),
    judgeClock('store_clock', "PostgreSQL's", Number(row!.now) - (asked + Date.now()) / 2, Date.now() - asked),
  ];
}

async function checkMysql({ run }: SqlConnection): Promise<Finding[]> {
  const asked = Date.now();
  const [row] = await run<{ version: string; mode: string; read_only: number | string; now: string | number }>(
    'select version() as version, @@session.sql_mode as mode, @@global.read_only as read_only, unix_timestamp(now(3)) * 1000 as now',
  );
  const answered = Date.now();
  const { version, mode } = row!;
  const maria = /mariadb/i.test(version);
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const least = maria ? [10, 6, 0] : [8, 0, 1];
  const old = (major - least[0]! || minor - least[1]! || patch - least[2]!) < 0;
  const named = `${maria ? 'MariaDB' : 'MySQL'} ${version}`;
  const strict = /STRICT_(TRANS|ALL)_TABLES/.test(mode);
  return [
    old
      ? about('store_version').error(named, 'Use MySQL 8.0.1 or MariaDB 10.6, or newer.')
      : about('store_version').ok(named),
    strict
      ? about('mysql_strict').ok('In strict mode: nothing is cut off silently')
      : about('mysql_strict').error(
          'Not in strict mode: what does not fit is cut off silently',
          'Add STRICT_TRANS_TABLES to sql_mode.',
        ),
    ...judgeWritable(Number(row!.read_only) === 1),
    judgeClock(
      'store_clock',
      `${maria ? "MariaDB's" : "MySQL's"}`,
      Number(row!.now) - (asked + answered) / 2,
      answered - asked,
    ),
  ];
}

function judgeWritable(readOnly: boolean): Finding[] {
  if (!readOnly) return [];
  return [
    about('store_writable').error(
      'The database is read-only, or a replica',
      'Point the URL at the primary: every sign-in writes.',
    ),
  ];
}

/** Sweepers record who never answered within a minute or so; one that is that late is not running. */
const SWEPT_MS = 600_000;

async function checkSweep({ place, run, dialect }: StoreConnection & SqlConnection): Promise<Finding> {
  const { ok, warning } = about('sweep');
  const mark = dialect === 'mysql' ? '`' : '"';
  const table = [place.schema, `${place.prefix ?? 'latchkey_'}ceremonies`]
    .filter((part) => part !== undefined)
    .map((part) => mark + part + mark)
    .join('.');
  const [row] = await run<{ waiting: number | string }>(
    `select count(*) as waiting from ${table} where status = 'open' and expires_at < ${Date.now() - SWEPT_MS}`,
  );
  const waiting = Number(row!.waiting);
  if (waiting === 0) return ok('No expired challenge is left behind');
  return warning(
    `${waiting} challenges expired more than ten minutes ago and were never swept: abandoned attempts are not recorded`,
    'Run an application process with `sweepEvery` left on, or call `passkeys.sweep()`.',
  );
}
