export {};
import { migrate, preparedOnce, sqlStore } from '@latchkey/sql';
import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';

const file = new Database('latchkey.db', { timeout: 500 });
file.pragma('journal_mode = WAL');
const db = new Kysely({ dialect: new SqliteDialect({ database: preparedOnce(file) }) });
await migrate(db);

export const store = sqlStore(db);