/**
 * Recording a passkey's use, alone or with the session that it begins: then both are stored, or neither. PostgreSQL does
 * both in one statement, SQLite and MySQL in one transaction.
 */
import type { Passkey, PasskeyUse, SessionStart, UseResult } from '@latchkey/core';
import { type QueryCreator, sql } from 'kysely';
import { type Connection, eachOf } from './connection.ts';
import { type NewSessionRow, RENEWED_COLUMNS, SESSION_COLUMNS, type SqlSessions, sessionRowOf } from './sessions.ts';
import type { Tables } from './tables.ts';

/** What a use compares, and what it stores where everything is as it was read. */
interface UseParameters extends Record<string, string | number | null> {
  passkeyId: string;
  readGeneration: number;
  readCount: number;
  /** 0 where it was never used, as it was read: then it must still be so. Else 1. */
  wasUsed: number;
  signCount: number;
  backupEligible: number;
  backedUp: number;
  usedAt: number;
}

export type RecordUse = (passkey: Passkey, use: PasskeyUse, session: SessionStart | undefined) => Promise<UseResult>;

/** Thrown to undo a transaction. */
const SESSION_GONE = new Error('The session to renew has ended.');

export function sqlUse({ db, dialect, tables, statement, transaction }: Connection, sessions: SqlSessions): RecordUse {
  const updated = (on: Pick<QueryCreator<Tables>, 'updateTable'>, p: UseParameters) =>
    on
      .updateTable(tables.passkeys)
      .set({
        sign_count: p.signCount,
        backup_eligible: p.backupEligible,
        backed_up: p.backedUp,
        last_used_at: p.usedAt,
      })
      .where('id', '=', p.passkeyId)
      .where('enabled', '=', 1)
      .where('generation', '=', p.readGeneration)
      .where('sign_count', '=', p.readCount)
      .where(({ or, eb }) => or([eb('last_used_at', 'is', null), sql<boolean>`${p.wasUsed} = 1`]));

  const use = statement((p: UseParameters) => updated(db, p));

  /** One transaction. */
  const inTransaction = async (p: UseParameters, start: SessionStart): Promise<UseResult> => {
    try {
      return await transaction(async (inside) => {
        if ((await use(p, inside)).changed === 0) return 'stale';
        if (!(await sessions.begin(start, inside))) throw SESSION_GONE;
        return 'recorded';
      });
    } catch (error) {
      if (error === SESSION_GONE) return 'session_gone';
      throw error;
    }
  };

  /** One statement of PostgreSQL. */
  const inOneStatement = () => {
    type Both = UseParameters & NewSessionRow;
    type Replacing = Both & { replaces: string };
    /** Has a row where the use was recorded. */
    type Used = Tables & { used: { id: string } };

    /** Inserts the session where the use was recorded. */
    const inserted = (on: Pick<QueryCreator<Used>, 'insertInto'>, p: Both) =>
      on
        .insertInto(tables.sessions)
        .columns(SESSION_COLUMNS)
        .expression((from) =>
          from.selectFrom('used').select(SESSION_COLUMNS.map((column) => sql`${p[column]}`.as(column))),
        );

    const begin = statement((p: Both) =>
      inserted(
        db.with('used', (inside) => updated(inside, p).returning('id')),
        p,
      ),
    );

    const replace = statement((p: Replacing) => {
      const ended = db
        .with('used', (inside) => updated(inside, p).returning('id'))
        .with('ended', (inside) =>
          inside
            .deleteFrom(tables.sessions)
            .where('token_hash', '=', p.replaces)
            .where(({ exists, selectFrom }) => exists(selectFrom('used').select('id'))),
        );
      return inserted(ended, p);
    });

    const renew = statement((p: Replacing) =>
      db
        .with('renewed', (inside) =>
          inside
            .selectFrom(tables.sessions)
            .select('id')
            .where('id', '=', p.id)
            .where('token_hash', '=', p.replaces)
            .forUpdate(),
        )
        .with('used', (inside) =>
          updated(inside, p).where(sql<boolean>`exists (select 1 from renewed)`).returning('id'),
        )
        .updateTable(tables.sessions)
        .set(eachOf<Omit<NewSessionRow, 'id'>>(RENEWED_COLUMNS, p))
        .where('id', '=', p.id)
        .where(({ exists, selectFrom }) => exists(selectFrom('used').select('id'))),
    );

    return async (p: UseParameters, { session, replaces, renews }: SessionStart): Promise<UseResult> => {
      const both = { ...p, ...sessionRowOf(session) };
      if (replaces === null) {
        if (renews) return 'session_gone';
        return (await begin(both)).changed === 1 ? 'recorded' : 'stale';
      }
      const { changed } = await (renews ? renew : replace)({ ...both, replaces });
      if (changed === 1) return 'recorded';
      // Nothing was changed. For a renewal it must still be told which of the two was not as expected.
      const current = renews ? await sessions.store.find({ tokenHash: replaces }) : undefined;
      return current === undefined || current?.id === session.id ? 'stale' : 'session_gone';
    };
  };

  const together = dialect === 'postgres' ? inOneStatement() : inTransaction;

  return async (passkey, { signCount, backupEligible, backedUp, usedAt }, session) => {
    const p = {
      passkeyId: passkey.id,
      readGeneration: passkey.generation,
      readCount: passkey.signCount,
      wasUsed: Number(passkey.lastUsedAt !== null),
      signCount,
      backupEligible: Number(backupEligible),
      backedUp: Number(backedUp),
      usedAt,
    };
    if (session !== undefined) return together(p, session);
    return (await use(p)).changed === 1 ? 'recorded' : 'stale';
  };
}
