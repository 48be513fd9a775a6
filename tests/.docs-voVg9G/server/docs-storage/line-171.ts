export {};
import { redisStore } from '@latchkey/redis';
import { Redis } from 'ioredis';

const redis = new Redis('redis://127.0.0.1:6379', {
  maxRetriesPerRequest: 0,
  commandTimeout: 1000,
  connectTimeout: 1000,
  enableAutoPipelining: true,
});
redis.on('error', (error) => console.error(`Redis: ${error.message}`));

export const store = redisStore(redis);