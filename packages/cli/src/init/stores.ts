/**
 * The file with the store, for each driver: the text of docs/storage.md, with the address from the environment. A test holds the two
 * together. What only TypeScript has stands between « and ».
 */
import type { Driver } from './application.ts';

interface StoreFile {
  /** As people know it. */
  readonly name: string;
  readonly text: string;
  /** The packages it needs, and the types of those that bring none. */
  readonly needs: readonly string[];
  readonly types: readonly string[];
  /** The environment variable with its address. */
  readonly variable: string | null;
}

export const STORES: Readonly<Record<Driver, StoreFile>> = {
  pg: {
    name: 'PostgreSQL (pg)',
    needs: ['@latchkey/sql', 'kysely', 'pg'],
    types: ['@types/pg'],
    variable: 'DATABASE_URL',
    text: `import { migrate, preparedOnce, sqlStore } from '@latchkey/sql';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';

const pool = new Pool({
  connectionString: process.env.DATABASE_URL ?? 'postgres://user:password@127.0.0.1:5432/app',
  connectionTimeoutMillis: 1000,
  query_timeout: 1000,
});
const complain = (error«: Error») => console.error(\`PostgreSQL: \${error.message}\`);
pool.on('error', complain); // a connection that broke while nobody used it
pool.on('connect', (connection) => connection.on('error', complain)); // and one that broke while somebody did
const db = new Kysely({ dialect: new PostgresDialect({ pool: preparedOnce(pool) }) });
await migrate(db);

export const store = sqlStore(db);
`,
  },
  mysql2: {
    name: 'MySQL or MariaDB (mysql2)',
    needs: ['@latchkey/sql', 'kysely', 'mysql2'],
    types: [],
    variable: 'DATABASE_URL',
    text: `import { migrate, sqlStore } from '@latchkey/sql';
import { Kysely, MysqlDialect } from 'kysely';
import { createPool } from 'mysql2';

const pool = createPool({ uri: process.env.DATABASE_URL ?? 'mysql://user:password@127.0.0.1:3306/app', connectTimeout: 1000 });
const db = new Kysely({ dialect: new MysqlDialect({ pool }) });
await migrate(db);

export const store = sqlStore(db);
`,
  },
  sqlite: {
    name: 'SQLite (node:sqlite)',
    needs: ['@latchkey/sql', 'kysely'],
    types: [],
    variable: null,
    text: `import { DatabaseSync } from 'node:sqlite';
import { migrate, nodeSqlite, sqlStore } from '@latchkey/sql';
import { Kysely } from 'kysely';

const file = new DatabaseSync('latchkey.db', { timeout: 500 });
file.exec('pragma journal_mode = wal; pragma synchronous = normal');
const db = new Kysely({ dialect: nodeSqlite(file) });
await migrate(db);

export const store = sqlStore(db);
`,
  },
  ioredis: {
    name: 'Redis (ioredis)',
    needs: ['@latchkey/redis', 'ioredis'],
    types: [],
    variable: 'REDIS_URL',
    text: `import { redisStore } from '@latchkey/redis';
import { Redis } from 'ioredis';

const redis = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', {
  maxRetriesPerRequest: 0,
  commandTimeout: 1000,
  connectTimeout: 1000,
});
redis.on('error', (error) => console.error(\`Redis: \${error.message}\`));

export const store = redisStore(redis);
`,
  },
  memory: {
    name: 'memory: a restart forgets everything',
    needs: [],
    types: [],
    variable: null,
    text: `import { memoryStore } from '@latchkey/core';

export const store = memoryStore();
`,
  },
};
