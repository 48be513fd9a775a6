export {};
// store.ts: npm install @latchkey/sql kysely pg
import { sqlStore } from '@latchkey/sql';
import { Kysely, PostgresDialect } from 'kysely';
import { Client } from 'pg';

async function connect() {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  return Object.assign(client, { release: () => void client.end() });
}

const db = new Kysely<Record<never, never>>({ dialect: new PostgresDialect({ pool: { connect, async end() {}, options: {} } }) });
export const store = sqlStore(db);