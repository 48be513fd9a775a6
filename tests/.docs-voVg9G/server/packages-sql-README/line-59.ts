export {};
import { migrate, sqlStore } from '@latchkey/sql';
import { Kysely, MysqlDialect } from 'kysely';
import { createPool } from 'mysql2';

const pool = createPool({ uri: 'mysql://user:password@localhost/app', connectTimeout: 1000 });
const db = new Kysely({ dialect: new MysqlDialect({ pool }) });

await migrate(db);
const store = sqlStore(db);