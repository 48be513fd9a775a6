export {};
import { fileSink, queued } from '@latchkey/audit';
import { createPasskeys, memoryStore } from '@latchkey/core';

const log = queued(fileSink({ path: 'sign-ins.log', fsync: 'interval', reopenOn: 'SIGHUP' }));

export const passkeys = createPasskeys({
  rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
  users: { find: (id) => ({ id, name: id }) }, // your accounts
  store: memoryStore(),
  audit: { sinks: [log] },
});

process.once('SIGTERM', async () => {
  await passkeys.close();
  await log.close(); // writes what waits, for at most 5 seconds
  process.exit();
});