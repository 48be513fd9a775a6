export {};
import { passkeys } from 'given';
const purged = await passkeys.purgeAttempts({ olderThan: '400d' });
console.log(`${purged} records purged`);