/** The session store in SQL. Each session is one row, found by its id or by the hash of its token. */
import type { Enforcement, SessionSelection, SessionStart, SessionStore, SignInSession } from '@latchkey/core';
import { type ExpressionBuilder, type Selectable, sql, type Transaction } from 'kysely';
import { type Connection, eachOf } from './connection.ts';
import { flagOf, type SessionRow, type Tables, textOf } from './tables.ts';

/** What a renewal changes: everything but the id. */
export const RENEWED_COLUMNS = [
  'token_hash',
  'user_id',
  'rp_id',
  'passkey_id',
  'generation',
  'attempt_id',
  'authenticated_at',
  'user_verified',
  'enforcement',
  'first_factor',
  'step_up_at',
  'step_up_action',
  'step_up_passkey_id',
  'step_up_user_verified',
  'created_at',
  'seen_at',
  'expires_at',
  'persistent',
  'address',
  'user_agent',
] as const;

export const SESSION_COLUMNS = ['id', ...RENEWED_COLUMNS] as const;

export interface SqlSessions {
  readonly store: SessionStore;
  /** Begins a session inside a transaction. False where there was nothing to renew; then it has changed nothing. */
  begin(start: SessionStart, inside: Transaction<Tables>): Promise<boolean>;
}

export function sqlSessions(connection: Connection): SqlSessions {
  const { db, dialect, tables, statement, once, transaction, readable } = connection;
  const { sessions } = tables;
  // MySQL cannot answer what a DELETE removed.
  const returning = dialect !== 'mysql';

  const insert = statement((row: NewSessionRow) =>
    db.insertInto(sessions).values(eachOf<NewSessionRow>(SESSION_COLUMNS, row)),
  );

  const renew = statement((row: NewSessionRow & { replaces: string }) =>
    db
      .updateTable(sessions)
      .set(eachOf<Omit<NewSessionRow, 'id'>>(RENEWED_COLUMNS, row))
      .where('id', '=', row.id)
      .where('token_hash', '=', row.replaces),
  );

  const drop = statement(({ tokenHash }: { tokenHash: string }) =>
    db.deleteFrom(sessions).where('token_hash', '=', tokenHash),
  );

  const all = () => db.selectFrom(sessions).select(readable(SESSION_COLUMNS));

  const byToken = statement(({ tokenHash }: { tokenHash: string }) => all().where('token_hash', '=', tokenHash));

  const byId = statement(({ id }: { id: string }) => all().where('id', '=', id));

  const byUser = statement(({ userId }: { userId: string }) =>
    all().where('user_id', '=', userId).orderBy('created_at', 'desc').orderBy('id', 'desc'),
  );

  const beyond = statement((p: Surplus) =>
    db
      .selectFrom(sessions)
      .select('id')
      .where('user_id', '=', p.userId)
      .where('rp_id', '=', p.rpId)
      .where('id', '!=', p.except)
      .orderBy('seen_at', 'desc')
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      // SQLite and MySQL know no OFFSET without a LIMIT.
      .$if(dialect !== 'postgres', (query) => query.limit(p.all))
      .offset(p.keepLatest),
  );

  const touch = statement(({ id, seenAt }: { id: string; seenAt: number }) =>
    db
      .updateTable(sessions)
      .set({ seen_at: sql<number>`case when seen_at < ${seenAt} then ${seenAt} else seen_at end` })
      .where('id', '=', id),
  );

  const due = (p: { now: number; limit: number }) =>
    db
      .selectFrom(sessions)
      .select('id')
      .where('expires_at', '<=', p.now)
      .orderBy('expires_at')
      .limit(p.limit)
      .$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked());

  // MySQL allows no LIMIT in a subquery of IN, but in DELETE itself; the others the other way round.
  const forget = statement((p: { now: number; limit: number }) =>
    returning
      ? db
          .with('due', () => due(p))
          .deleteFrom(sessions)
          .where('id', 'in', (query) => query.selectFrom('due').select('id'))
      : db.deleteFrom(sessions).where('expires_at', '<=', p.now).orderBy('expires_at').limit(p.limit),
  );

  const begin = async ({ session, replaces, renews }: SessionStart, inside?: Transaction<Tables>) => {
    const row = sessionRowOf(session);
    if (renews) return replaces !== null && (await renew({ ...row, replaces }, inside)).changed === 1;
    if (replaces !== null) await drop({ tokenHash: replaces }, inside);
    await insert(row, inside);
    return true;
  };

  /** The sessions beyond those to keep, each by its id; null where there are none, which is what a sign-in mostly finds. */
  const surplus = async ({ userId, rpId, except, keepLatest }: Omit<Surplus, 'all'>) => {
    const { rows } = await beyond({ userId, rpId, except, keepLatest, all: ALL });
    return rows.length === 0 ? null : { userId, ids: rows.map(({ id }) => textOf(id)) };
  };

  return {
    begin,

    store: {
      begin(start) {
        const isOneStatement = start.renews || start.replaces === null;
        return isOneStatement ? begin(start) : transaction((inside) => begin(start, inside));
      },

      async find(which) {
        if (!isNameable(which)) return null;
        const { rows } = await ('id' in which ? byId(which) : byToken(which));
        return rows[0] === undefined ? null : sessionOf(rows[0]);
      },

      async touch(seen) {
        return isNameable(seen) && (await touch(seen)).changed === 1;
      },

      async end(which) {
        if (!isNameable(which)) return [];
        const among = 'keepLatest' in which ? await surplus(which) : which;
        if (among === null) return [];
        const selected = selecting(among);
        if (returning) {
          const query = db.deleteFrom(sessions).where(selected).returning(SESSION_COLUMNS);
          return (await once(query)).rows.map(sessionOf);
        }
        return transaction(async (inside) => {
          const { rows } = await once(all().where(selected).forUpdate(), inside);
          const ids = rows.map(({ id }) => textOf(id));
          if (ids.length > 0) await once(db.deleteFrom(sessions).where('id', 'in', ids), inside);
          return rows.map(sessionOf);
        });
      },

      async listByUser(userId) {
        return (await byUser({ userId })).rows.map(sessionOf);
      },

      async forgetExpired(due) {
        return (await forget(due)).changed;
      },
    },
  };
}

/** The parameters of a selection with `keepLatest`. */
type Surplus = Record<'userId' | 'rpId' | 'except', string> & Record<'keepLatest' | 'all', number>;

/** More rows than there are. */
const ALL = 1_000_000_000;

/** The rows that a selection ends. */
function selecting(which: Exclude<SessionSelection, Surplus> | { readonly userId: string; readonly ids: string[] }) {
  return ({ and, or, eb }: ExpressionBuilder<Tables, 'sessions'>) => {
    if ('ids' in which) return and([eb('user_id', '=', which.userId), eb('id', 'in', which.ids)]);
    if ('tokenHash' in which) return eb('token_hash', '=', which.tokenHash);
    const narrowed = [
      ...(which.userId === undefined ? [] : [eb('user_id', '=', which.userId)]),
      ...('id' in which ? [eb('id', '=', which.id)] : []),
      ...('rpId' in which && which.rpId !== undefined ? [eb('rp_id', '=', which.rpId)] : []),
      ...('except' in which && which.except !== undefined ? [eb('id', '!=', which.except)] : []),
    ];
    if (!('passkeyId' in which)) return and(narrowed);
    const byPasskey = or([eb('passkey_id', '=', which.passkeyId), eb('step_up_passkey_id', '=', which.passkeyId)]);
    return and([...narrowed, byPasskey]);
  };
}

/** Whether an id can be one at all. PostgreSQL refuses text with a zero character as an error, and anyone can send one. */
function isNameable(which: object): boolean {
  return !('id' in which) || /^[ -~]{1,64}$/.test(String(which.id));
}

export type NewSessionRow = ReturnType<typeof sessionRowOf>;

export function sessionRowOf(session: SignInSession) {
  return {
    id: session.id,
    token_hash: session.tokenHash,
    user_id: session.userId,
    rp_id: session.rpId,
    passkey_id: session.passkeyId,
    generation: session.generation,
    attempt_id: session.attemptId,
    authenticated_at: session.authenticatedAt,
    user_verified: Number(session.userVerified),
    enforcement: session.enforcement,
    first_factor: Number(session.firstFactor),
    step_up_at: session.stepUp?.at ?? null,
    step_up_action: session.stepUp?.action ?? null,
    step_up_passkey_id: session.stepUp?.passkeyId ?? null,
    step_up_user_verified: session.stepUp && Number(session.stepUp.userVerified),
    created_at: session.createdAt,
    seen_at: session.seenAt,
    expires_at: session.expiresAt,
    persistent: Number(session.persistent),
    address: session.address,
    user_agent: session.userAgent,
  };
}

function sessionOf(row: Selectable<SessionRow>): SignInSession {
  const textOrNull = (value: string | Uint8Array | null) => (value === null ? null : textOf(value));
  return {
    id: textOf(row.id),
    tokenHash: textOf(row.token_hash),
    userId: textOf(row.user_id),
    rpId: textOf(row.rp_id),
    passkeyId: textOf(row.passkey_id),
    generation: Number(row.generation),
    attemptId: textOf(row.attempt_id),
    authenticatedAt: Number(row.authenticated_at),
    userVerified: flagOf(row.user_verified),
    enforcement: textOf(row.enforcement) as Enforcement,
    firstFactor: flagOf(row.first_factor),
    stepUp:
      row.step_up_at === null || row.step_up_passkey_id === null
        ? null
        : {
            at: Number(row.step_up_at),
            action: textOrNull(row.step_up_action),
            passkeyId: textOf(row.step_up_passkey_id),
            userVerified: row.step_up_user_verified !== null && flagOf(row.step_up_user_verified),
          },
    createdAt: Number(row.created_at),
    seenAt: Number(row.seen_at),
    expiresAt: Number(row.expires_at),
    persistent: flagOf(row.persistent),
    address: textOrNull(row.address),
    userAgent: textOrNull(row.user_agent),
  };
}
