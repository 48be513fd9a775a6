export {};
import { migrate, sqlStore } from '@latchkey/sql';
import { Kysely, MysqlDialect } from 'kysely';
import { createPool } from 'mysql2';

const pool = createPool({ uri: 'mysql://user:password@127.0.0.1:3306/app', connectTimeout: 1000 });
const db = new Kysely({ dialect: new MysqlDialect({ pool }) });
await migrate(db);

export const store = sqlStore(db);