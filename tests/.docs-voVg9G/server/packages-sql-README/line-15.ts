export {};
import { DatabaseSync } from 'node:sqlite';
import { migrate, nodeSqlite, sqlStore } from '@latchkey/sql';
import { Kysely } from 'kysely';

const file = new DatabaseSync('latchkey.db', { timeout: 500 });
file.exec('pragma journal_mode = wal; pragma synchronous = normal');
const db = new Kysely({ dialect: nodeSqlite(file) });

await migrate(db);
export const store = sqlStore(db);