export {};
import { migrate, preparedOnce, sqlStore } from '@latchkey/sql';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';

const pool = new Pool({
  connectionString: 'postgres://user:password@127.0.0.1:5432/app',
  connectionTimeoutMillis: 1000,
  query_timeout: 1000,
});
const complain = (error: Error) => console.error(`PostgreSQL: ${error.message}`);
pool.on('error', complain); // a connection that broke while nobody used it
pool.on('connect', (connection) => connection.on('error', complain)); // and one that broke while somebody did
const db = new Kysely({ dialect: new PostgresDialect({ pool: preparedOnce(pool) }) });
await migrate(db);

export const store = sqlStore(db);