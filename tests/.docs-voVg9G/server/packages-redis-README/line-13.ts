export {};
import { createPasskeys } from '@latchkey/core';
import { redisStore } from '@latchkey/redis';
import { Redis } from 'ioredis';

const redis = new Redis('redis://127.0.0.1:6379', {
  maxRetriesPerRequest: 0,
  commandTimeout: 1000,
  connectTimeout: 1000,
  enableAutoPipelining: true,
});
redis.on('error', (error) => console.error(error.message));

export const passkeys = createPasskeys({
  rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
  users: { find: (id) => ({ id, name: id }) }, // your accounts
  store: redisStore(redis),
});