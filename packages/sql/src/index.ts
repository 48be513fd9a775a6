/** Every public name of @latchkey/sql. */
export type { SqlStoreOptions } from './connection.ts';
export type { Dialect } from './dialect.ts';
export { migrate, migrationSql } from './migrations.ts';
export type { NodeSqliteDatabase, NodeSqliteStatement } from './node-sqlite.ts';
export { nodeSqlite } from './node-sqlite.ts';
export { preparedOnce } from './prepared-once.ts';
export { sqlStore } from './sql-store.ts';
export type { TableOptions } from './tables.ts';
