/**
 * The passkey store in SQL. What reads several of a user's passkeys before it changes one (the limit,
 * the last one) first locks that user's row in `handles`, so that two who race do it one after the other. What must outlast
 * a power cut, that a passkey is there, is disabled or is gone, is stored durably; that it was used is not.
 */
import type { Passkey, PasskeyChangeResult, PasskeySelection, PasskeyStore } from '@latchkey/core';
import { type Selectable, sql, type Transaction } from 'kysely';
import { type Connection, eachOf } from './connection.ts';
import { isTaken } from './dialect.ts';
import type { SqlSessions } from './sessions.ts';
import { flagOf, type PasskeyRow, type Tables, textOf } from './tables.ts';
import { sqlUse } from './use.ts';

const COLUMNS = [
  'id',
  'user_id',
  'user_handle',
  'credential_id',
  'public_key',
  'algorithm',
  'sign_count',
  'transports',
  'aaguid',
  'backup_eligible',
  'backed_up',
  'attested',
  'rp_id',
  'nickname',
  'enabled',
  'generation',
  'created_at',
  'last_used_at',
] as const;

export function sqlPasskeys(connection: Connection, sessions: SqlSessions): PasskeyStore {
  const { db, dialect, tables, statement, durably, readable } = connection;
  const { handles, passkeys, declines } = tables;
  const recordUse = sqlUse(connection, sessions);

  const handleOf = statement(({ userId }: { userId: string }) =>
    db.selectFrom(handles).select('handle').where('user_id', '=', userId),
  );

  /** Adds a user's row, or touches the one there is: either way it is locked until the transaction ends. */
  const keep = statement(({ userId, handle }: { userId: string; handle: Uint8Array }) => {
    const insert = db.insertInto(handles).values({ user_id: userId, handle });
    return dialect === 'mysql'
      ? insert.onDuplicateKeyUpdate({ user_id: sql.ref('user_id') })
      : insert.onConflict((conflict) =>
          conflict.column('user_id').doUpdateSet({ user_id: sql.ref('excluded.user_id') }),
        );
  });

  /** Locks a user's row, if there is one: every user with a passkey has. Changes nothing, but is a write, which SQLite needs. */
  const lock = statement(({ userId }: { userId: string }) =>
    db
      .updateTable(handles)
      .set({ user_id: sql.ref('user_id') })
      .where('user_id', '=', userId),
  );

  const all = () => db.selectFrom(passkeys).select(readable(COLUMNS)).orderBy('created_at').orderBy('id');

  const byUser = statement(({ userId }: { userId: string }) => all().where('user_id', '=', userId));

  const byOwner = statement(({ credentialId }: { credentialId: Uint8Array }) =>
    all().where('user_id', '=', (query) =>
      query.selectFrom(passkeys).select('user_id').where('credential_id', '=', credentialId),
    ),
  );

  const insert = statement((row: NewRow) => db.insertInto(passkeys).values(eachOf(COLUMNS, row)));

  const change = statement((p: { id: string; nickname: string; enabled: number; generation: number }) =>
    db
      .updateTable(passkeys)
      .set({ nickname: p.nickname, enabled: p.enabled, generation: p.generation })
      .where('id', '=', p.id),
  );

  const remove = statement(({ id }: { id: string }) => db.deleteFrom(passkeys).where('id', '=', id));

  const removeAll = statement(({ userId }: { userId: string }) =>
    db.deleteFrom(passkeys).where('user_id', '=', userId),
  );

  const dropHandle = statement(({ userId }: { userId: string }) =>
    db.deleteFrom(handles).where('user_id', '=', userId),
  );

  const declinedBy = statement(({ userId }: { userId: string }) =>
    db.selectFrom(declines).select('declined_at').where('user_id', '=', userId),
  );

  /** Of two at once the later instant stays: the row decides, not who wrote last. */
  const decline = statement(({ userId, at }: { userId: string; at: number }) => {
    const insert = db.insertInto(declines).values({ user_id: userId, declined_at: at });
    const later = sql.raw(dialect === 'sqlite' ? 'max' : 'greatest');
    const declined_at = sql<number>`${later}(${sql.ref(`${declines}.declined_at`)}, ${at})`;
    return dialect === 'mysql'
      ? insert.onDuplicateKeyUpdate({ declined_at })
      : insert.onConflict((conflict) => conflict.column('user_id').doUpdateSet({ declined_at }));
  });

  const dropDecline = statement(({ userId }: { userId: string }) =>
    db.deleteFrom(declines).where('user_id', '=', userId),
  );

  /**
   * Changes one of a user's passkeys while no one else changes any. `alter` gets the passkey and whether it is the last
   * enabled one at its relying party, and gives the passkey to answer with, or null to refuse.
   */
  const alone = (
    { userId, rpId, id }: PasskeySelection,
    alter: (passkey: Passkey, isLast: boolean, inside: Transaction<Tables>) => Promise<Passkey | null>,
  ): Promise<PasskeyChangeResult> =>
    durably(async (inside) => {
      await lock({ userId }, inside);
      const own = (await byUser({ userId }, inside)).rows.map(passkeyOf).filter((each) => each.rpId === rpId);
      const passkey = own.find((each) => each.id === id);
      if (passkey === undefined) return { status: 'not_found' };
      const isLast = passkey.enabled && own.filter(({ enabled }) => enabled).length === 1;
      const altered = await alter(passkey, isLast, inside);
      return altered === null ? { status: 'last' } : { status: 'done', passkey: altered, wasEnabled: passkey.enabled };
    });

  return {
    sessions: sessions.store,

    async keepHandle({ userId, proposed }) {
      const [kept] = (await handleOf({ userId })).rows;
      if (kept !== undefined) return new Uint8Array(kept.handle);
      await keep({ userId, handle: proposed });
      // Someone may have been first, or may have forgotten the user since: then the handle is as good as any.
      return new Uint8Array((await handleOf({ userId })).rows[0]?.handle ?? proposed);
    },

    async insert({ passkey, max }) {
      const { userId, rpId, userHandle } = passkey;
      try {
        return await durably(async (inside) => {
          await keep({ userId, handle: userHandle }, inside);
          const own = (await byUser({ userId }, inside)).rows;
          if (own.filter((row) => textOf(row.rp_id) === rpId).length >= max) return 'limit';
          await insert(rowOf(passkey), inside);
          return 'inserted';
        });
      } catch (error) {
        if (isTaken(error)) return 'exists';
        throw error;
      }
    },

    async find({ credentialId }) {
      const found = (await byOwner({ credentialId })).rows.map(passkeyOf);
      const asked = found.findIndex((passkey) => Buffer.compare(passkey.credentialId, credentialId) === 0);
      return [...found.splice(asked, 1), ...found];
    },

    async listByUser(userId) {
      return (await byUser({ userId })).rows.map(passkeyOf);
    },

    recordUse: ({ passkey, use, session }) => recordUse(passkey, use, session),

    update({ change: { nickname, enabled }, ...selection }) {
      return alone(selection, async (passkey, isLast, inside) => {
        const disabling = enabled === false && passkey.enabled;
        if (disabling && isLast && selection.keepLast) return null;
        const changed = {
          ...passkey,
          nickname: nickname ?? passkey.nickname,
          enabled: enabled ?? passkey.enabled,
          generation: passkey.generation + Number(disabling),
        };
        await change(
          {
            id: passkey.id,
            nickname: changed.nickname,
            enabled: Number(changed.enabled),
            generation: changed.generation,
          },
          inside,
        );
        return changed;
      });
    },

    remove(selection) {
      return alone(selection, async (passkey, isLast, inside) => {
        if (isLast && selection.keepLast) return null;
        await remove({ id: passkey.id }, inside);
        return passkey;
      });
    },

    async decline(answer) {
      await decline(answer);
    },

    async declinedAt(userId) {
      const [kept] = (await declinedBy({ userId })).rows;
      return kept === undefined ? null : Number(kept.declined_at);
    },

    forget(userId) {
      return durably(async (inside) => {
        await lock({ userId }, inside);
        const forgotten = (await byUser({ userId }, inside)).rows.map(passkeyOf);
        await removeAll({ userId }, inside);
        await dropHandle({ userId }, inside);
        await dropDecline({ userId }, inside);
        return forgotten;
      });
    },
  };
}

type NewRow = ReturnType<typeof rowOf>;

/** Of a passkey that was moved here, when the other place did not keep whether it can be backed up. */
const UNKNOWN = 2;

function rowOf(passkey: Passkey) {
  return {
    id: passkey.id,
    user_id: passkey.userId,
    user_handle: passkey.userHandle,
    credential_id: passkey.credentialId,
    public_key: passkey.publicKey,
    algorithm: passkey.algorithm,
    sign_count: passkey.signCount,
    transports: JSON.stringify(passkey.transports),
    aaguid: passkey.aaguid,
    backup_eligible: Number(passkey.backupEligible ?? UNKNOWN),
    backed_up: Number(passkey.backedUp),
    attested: Number(passkey.attested),
    rp_id: passkey.rpId,
    nickname: passkey.nickname,
    enabled: Number(passkey.enabled),
    generation: passkey.generation,
    created_at: passkey.createdAt,
    last_used_at: passkey.lastUsedAt,
  };
}

function passkeyOf(row: Selectable<PasskeyRow>): Passkey {
  return {
    id: textOf(row.id),
    userId: textOf(row.user_id),
    userHandle: new Uint8Array(row.user_handle),
    credentialId: new Uint8Array(row.credential_id),
    publicKey: new Uint8Array(row.public_key),
    algorithm: Number(row.algorithm),
    signCount: Number(row.sign_count),
    transports: JSON.parse(textOf(row.transports)),
    aaguid: textOf(row.aaguid),
    backupEligible: Number(row.backup_eligible) === UNKNOWN ? null : flagOf(row.backup_eligible),
    backedUp: flagOf(row.backed_up),
    attested: flagOf(row.attested),
    rpId: textOf(row.rp_id),
    nickname: textOf(row.nickname),
    enabled: flagOf(row.enabled),
    generation: Number(row.generation),
    createdAt: Number(row.created_at),
    lastUsedAt: row.last_used_at === null ? null : Number(row.last_used_at),
  };
}
