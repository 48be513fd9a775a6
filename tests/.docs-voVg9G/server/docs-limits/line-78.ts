export {};
import { rp, users, store } from 'given';
import { createPasskeys } from '@latchkey/core';

createPasskeys({
  rp,
  users,
  store,
  rateLimit: { limits: { registration: { points: 20, seconds: 60 }, unfinished: { points: 50_000, seconds: 120 } } },
});