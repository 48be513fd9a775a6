export {};
import { rp, users, db } from 'given';
import { attemptStoreSink, queued } from '@latchkey/audit';
import { createPasskeys } from '@latchkey/core';
import { sqlStore } from '@latchkey/sql';
import { log } from './audit.ts';

const { challenges, passkeys, attempts } = sqlStore(db);
createPasskeys({
  rp,
  users,
  store: { challenges, passkeys },
  audit: { sinks: [log, queued(attemptStoreSink(attempts))] },
});