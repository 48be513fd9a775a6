/**
 * Why this file exists: the passkey store in SQL. What reads several of a user's passkeys before it changes one (the limit,
 * the last one) first locks that user's row in `handles`, so that two who race do it one after the other.
 */
import type { Changed, Passkey, PasskeyStore } from '@latchkey/core';
import { type Selectable, sql, type Transaction } from 'kysely';
import { type Connection, eachOf } from './connection.ts';
import { isTaken } from './dialect.ts';
import { flagOf, type PasskeyRow, type Tables, textOf } from './tables.ts';

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
  'rp_id',
  'nickname',
  'enabled',
  'generation',
  'created_at',
  'last_used_at',
] as const;

export function sqlPasskeys({ db, dialect, tables, statement, transaction }: Connection): PasskeyStore {
  const { handles, passkeys } = tables;

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

  const all = () => db.selectFrom(passkeys).select(COLUMNS).orderBy('created_at').orderBy('id');

  const byUser = statement(({ userId }: { userId: string }) => all().where('user_id', '=', userId));

  const byOwner = statement(({ credentialId }: { credentialId: Uint8Array }) =>
    all().where('user_id', '=', (query) =>
      query.selectFrom(passkeys).select('user_id').where('credential_id', '=', credentialId),
    ),
  );

  const insert = statement((row: NewRow) => db.insertInto(passkeys).values(eachOf(COLUMNS, row)));

  const used = (p: { id: string; before: number; signCount: number; backedUp: number; usedAt: number }) =>
    db
      .updateTable(passkeys)
      .set({ sign_count: p.signCount, backed_up: p.backedUp, last_used_at: p.usedAt })
      .where('id', '=', p.id)
      .where('enabled', '=', 1)
      .where('sign_count', '=', p.before);

  const use = statement(used);

  const firstUse = statement((p: Parameters<typeof used>[0]) => used(p).where('last_used_at', 'is', null));

  const change = statement((p: { id: string; nickname: string; enabled: number; generation: number }) =>
    db
      .updateTable(passkeys)
      .set({ nickname: p.nickname, enabled: p.enabled, generation: p.generation })
      .where('id', '=', p.id),
  );

  const remove = statement(({ id }: { id: string }) => db.deleteFrom(passkeys).where('id', '=', id));

  /**
   * Changes one of a user's passkeys while no one else changes any. `alter` gets the passkey and whether it is the last
   * enabled one, and gives the passkey to answer with, or null to refuse.
   */
  const alone = (
    userId: string,
    id: string,
    alter: (passkey: Passkey, last: boolean, inside: Transaction<Tables>) => Promise<Passkey | null>,
  ): Promise<Changed> =>
    transaction(async (inside) => {
      await lock({ userId }, inside);
      const own = (await byUser({ userId }, inside)).rows.map(passkeyOf);
      const passkey = own.find((each) => each.id === id);
      if (passkey === undefined) return { status: 'not_found' };
      const last = passkey.enabled && own.filter(({ enabled }) => enabled).length === 1;
      const altered = await alter(passkey, last, inside);
      return altered === null ? { status: 'last' } : { status: 'done', passkey: altered, wasEnabled: passkey.enabled };
    });

  return {
    async keepHandle(userId, proposed) {
      const [kept] = (await handleOf({ userId })).rows;
      if (kept !== undefined) return new Uint8Array(kept.handle);
      await keep({ userId, handle: proposed });
      // Someone may have been first.
      return new Uint8Array((await handleOf({ userId })).rows[0]!.handle);
    },

    async insert(passkey, max) {
      const { userId, userHandle } = passkey;
      try {
        return await transaction(async (inside) => {
          await keep({ userId, handle: userHandle }, inside);
          if ((await byUser({ userId }, inside)).rows.length >= max) return 'limit';
          await insert(rowOf(passkey), inside);
          return 'inserted';
        });
      } catch (error) {
        if (isTaken(error)) return 'exists';
        throw error;
      }
    },

    async find(credentialId) {
      const found = (await byOwner({ credentialId })).rows.map(passkeyOf);
      const asked = found.findIndex((passkey) => Buffer.compare(passkey.credentialId, credentialId) === 0);
      return [...found.splice(asked, 1), ...found];
    },

    async listByUser(userId) {
      return (await byUser({ userId })).rows.map(passkeyOf);
    },

    async recordUse({ id, signCount: before, lastUsedAt }, { signCount, backedUp, usedAt }) {
      const record = lastUsedAt === null ? firstUse : use;
      const { changed } = await record({ id, before, signCount, backedUp: Number(backedUp), usedAt });
      return changed === 1;
    },

    update(userId, id, { nickname, enabled }, keepLast) {
      return alone(userId, id, async (passkey, last, inside) => {
        const disabling = enabled === false && passkey.enabled;
        if (disabling && last && keepLast) return null;
        const changed = {
          ...passkey,
          nickname: nickname ?? passkey.nickname,
          enabled: enabled ?? passkey.enabled,
          generation: passkey.generation + Number(disabling),
        };
        await change(
          { id, nickname: changed.nickname, enabled: Number(changed.enabled), generation: changed.generation },
          inside,
        );
        return changed;
      });
    },

    remove(userId, id, keepLast) {
      return alone(userId, id, async (passkey, last, inside) => {
        if (last && keepLast) return null;
        await remove({ id }, inside);
        return passkey;
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
    transports: JSON.parse(row.transports),
    aaguid: textOf(row.aaguid),
    backupEligible: Number(row.backup_eligible) === UNKNOWN ? null : flagOf(row.backup_eligible),
    backedUp: flagOf(row.backed_up),
    rpId: row.rp_id,
    nickname: row.nickname,
    enabled: flagOf(row.enabled),
    generation: Number(row.generation),
    createdAt: Number(row.created_at),
    lastUsedAt: row.last_used_at === null ? null : Number(row.last_used_at),
  };
}
