/**
 * The demo's own accounts: what every application has already, and Latchkey only asks about. Two names that differ in
 * case or in how their characters are encoded are one name.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { User } from '@latchkey/core';
import type { Cluster, Redis } from 'ioredis';
import type { Kysely } from 'kysely';

export interface Accounts {
  find(id: string): Promise<User | undefined>;
  findByName(name: string): Promise<User | undefined>;
  /** Undefined when the name is taken. */
  create(account: { readonly name: string; readonly displayName: string }): Promise<User | undefined>;
  /** Takes back a `create`. */
  undo(user: User): Promise<void>;
}

export interface AccountTables {
  demo_accounts: { id: string; name_key: string; name: string; display_name: string };
}

/** What makes a name unique. A hash, because every database compares it alike, and its length is known. */
function keyOf(name: string): string {
  return createHash('sha256').update(name.normalize('NFKC').toLowerCase()).digest('hex');
}

export function memoryAccounts(): Accounts {
  const byId = new Map<string, User>();
  const byName = new Map<string, User>();
  return {
    find: async (id) => byId.get(id),
    findByName: async (name) => byName.get(keyOf(name)),
    create: async ({ name, displayName }) => {
      if (byName.has(keyOf(name))) return undefined;
      const user = { id: randomUUID(), name, displayName };
      byId.set(user.id, user);
      byName.set(keyOf(name), user);
      return user;
    },
    undo: async ({ id, name }) => {
      byId.delete(id);
      byName.delete(keyOf(name));
    },
  };
}

/** In Redis, on one node or a Cluster: every command is about one key. The name comes first, so that two never share one. */
export function redisAccounts(redis: Redis | Cluster): Accounts {
  const accountKey = (id: string) => `demo:account:${id}`;
  const nameKey = (name: string) => `demo:name:${keyOf(name)}`;
  const find = async (id: string): Promise<User | undefined> => {
    const account = await redis.get(accountKey(id));
    return account === null ? undefined : JSON.parse(account);
  };
  return {
    find,
    findByName: async (name) => {
      const id = await redis.get(nameKey(name));
      return id === null ? undefined : find(id);
    },
    create: async ({ name, displayName }) => {
      const user = { id: randomUUID(), name, displayName };
      if ((await redis.set(nameKey(name), user.id, 'NX')) === null) return undefined;
      await redis.set(accountKey(user.id), JSON.stringify(user));
      return user;
    },
    undo: async ({ id, name }) => {
      await redis.del(accountKey(id));
      await redis.del(nameKey(name));
    },
  };
}

/** In a SQL database, whichever it is. Makes its table. */
export async function sqlAccounts(db: Kysely<AccountTables>): Promise<Accounts> {
  await db.schema
    .createTable('demo_accounts')
    .ifNotExists()
    .addColumn('id', 'varchar(36)', (column) => column.primaryKey())
    .addColumn('name_key', 'varchar(64)', (column) => column.notNull().unique())
    .addColumn('name', 'varchar(256)', (column) => column.notNull())
    .addColumn('display_name', 'varchar(256)', (column) => column.notNull())
    .execute();

  async function findWhere(column: 'id' | 'name_key', value: string): Promise<User | undefined> {
    const row = await db.selectFrom('demo_accounts').selectAll().where(column, '=', value).executeTakeFirst();
    return row && { id: row.id, name: row.name, displayName: row.display_name };
  }
  const findByName = (name: string) => findWhere('name_key', keyOf(name));

  return {
    find: (id) => findWhere('id', id),
    findByName,
    create: async ({ name, displayName }) => {
      const user = { id: randomUUID(), name, displayName };
      const row = { id: user.id, name_key: keyOf(name), name, display_name: displayName };
      try {
        await db.insertInto('demo_accounts').values(row).execute();
        return user;
      } catch (error) {
        // Each database words "taken" its own way; all of them then have the name.
        if (await findByName(name)) return undefined;
        throw error;
      }
    },
    undo: async ({ id }) => void (await db.deleteFrom('demo_accounts').where('id', '=', id).execute()),
  };
}
