export {};
import { expressApp as app, users, store } from 'given';
// server.ts
import { createPasskeys } from '@latchkey/core';
import { log } from './audit.ts';

const passkeys = createPasskeys({
  rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
  users,
  store,
  audit: { sinks: [log] },
});
const server = app.listen(3000);

process.once('SIGTERM', () => {
  server.close(async () => {
    await passkeys.close();
    await log.close();
  });
});