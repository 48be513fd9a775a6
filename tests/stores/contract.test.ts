/** The store contract, on memory and on every SQL database. */
import { memoryStore } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import { keepsTheContract } from './support/contract.ts';
import { databases, embedded, oddMariadbs, strictPostgres } from './support/databases.ts';

keepsTheContract('memory', () => ({ store: memoryStore(), close() {} }));

for (const database of [...databases, ...embedded, strictPostgres, ...oddMariadbs]) {
  keepsTheContract(database.name, async () => {
    const { db, tablePrefix, close } = await database.open();
    await migrate(db, { tablePrefix });
    return { store: sqlStore(db, { tablePrefix }), close };
  });
}
