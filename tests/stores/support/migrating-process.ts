/**
 * A process of its own that migrates, for the test in which two do it at once. Arguments: a URL and
 * table prefixes; prints, as JSON, what it applied for each prefix.
 */
import { migrate } from '@latchkey/sql';
import { Kysely } from 'kysely';
import { kyselyDialect } from './databases.ts';

const [url, ...prefixes] = process.argv.slice(2);
const db = new Kysely({ dialect: kyselyDialect(url!) });
const applied: string[][] = [];
for (const tablePrefix of prefixes) applied.push(await migrate(db, { tablePrefix }));
console.log(JSON.stringify(applied));
await db.destroy();
