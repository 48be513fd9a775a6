/**
 * Every user with passkeys. The store contract lists the passkeys of one user; here the users are read from where their
 * handles are, which is all that is known here of tables and keys.
 */
import type { Passkey } from '@latchkey/core';
import type { Cluster } from 'ioredis';
import { sql } from 'kysely';
import type { StoreConnection } from './connection.ts';

const PAGE = 500;

/** Every user who ever had a handle, with the passkeys there are now. */
export async function* everyUser(
  connection: StoreConnection,
): AsyncGenerator<{ readonly userId: string; readonly passkeys: readonly Passkey[] }> {
  for await (const userId of userIds(connection)) {
    yield { userId, passkeys: await connection.store.passkeys.listByUser(userId) };
  }
}

async function* userIds(connection: StoreConnection): AsyncGenerator<string> {
  if (connection.kind === 'sql') {
    const { db, place } = connection;
    const name = `${place.prefix ?? 'latchkey_'}handles`;
    const table = place.schema === undefined ? sql.table(name) : sql.table(`${place.schema}.${name}`);
    for (let after: string | Uint8Array | null = null; ; ) {
      const beyond = after === null ? sql`` : sql`where user_id > ${after}`;
      const page: { user_id: string | Uint8Array }[] = (
        await sql<{
          user_id: string | Uint8Array;
        }>`select user_id from ${table} ${beyond} order by user_id limit ${sql.lit(PAGE)}`.execute(db)
      ).rows;
      for (const { user_id } of page) yield typeof user_id === 'string' ? user_id : Buffer.from(user_id).toString();
      if (page.length < PAGE) return;
      after = page.at(-1)!.user_id;
    }
  }
  const { redis, place } = connection;
  const prefix = `${place.prefix ?? 'latchkey:'}handle:`;
  // A glob's own characters, in case they are in the prefix.
  const match = `${prefix.replaceAll(/[\\*?[\]]/g, '\\$&')}*`;
  const nodes = 'nodes' in redis ? (redis as Cluster).nodes('master') : [redis];
  for (const node of nodes) {
    // SCAN may give a key twice.
    const seen = new Set<string>();
    for await (const keys of node.scanStream({ match, count: PAGE }) as AsyncIterable<string[]>) {
      for (const key of keys) if (!seen.has(key)) yield key.slice(prefix.length);
      for (const key of keys) seen.add(key);
    }
  }
}
