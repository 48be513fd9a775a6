/** Why this file exists: a process that verifies a log, for the test that gives it little memory. Arguments: the file, the key. */
import { linesOf, verifyChain } from '@latchkey/audit';

const [path, key] = process.argv.slice(2);
console.log(JSON.stringify(await verifyChain(linesOf([path!]), { keys: { k1: key! } })));
