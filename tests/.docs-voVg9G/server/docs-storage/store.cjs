
const { DatabaseSync } = require('node:sqlite');
const { migrate, nodeSqlite, sqlStore } = require('@latchkey/sql');
const { Kysely } = require('kysely');

const file = new DatabaseSync('latchkey.db', { timeout: 500 });
file.exec('pragma journal_mode = wal; pragma synchronous = normal');
const db = new Kysely({ dialect: nodeSqlite(file) });

module.exports = { store: sqlStore(db), ready: migrate(db) };