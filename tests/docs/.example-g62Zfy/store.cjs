const { migrate, preparedOnce, sqlStore } = require('@latchkey/sql');
const Database = require('better-sqlite3');
const { Kysely, SqliteDialect } = require('kysely');

const file = new Database(':memory:', { timeout: 500 });
file.pragma('journal_mode = WAL');
const db = new Kysely({ dialect: new SqliteDialect({ database: preparedOnce(file) }) });

module.exports = { store: sqlStore(db), ready: migrate(db) };