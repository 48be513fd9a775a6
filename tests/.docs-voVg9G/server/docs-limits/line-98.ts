export {};
import { rp, users, store, redis } from 'given';
import { createPasskeys } from '@latchkey/core';
import { RateLimiterRedis } from 'rate-limiter-flexible';

createPasskeys({
  rp,
  users,
  store,
  rateLimit: {
    create: (name, { points, seconds }) =>
      new RateLimiterRedis({ storeClient: redis, keyPrefix: `limit:${name}`, points, duration: seconds }),
  },
});