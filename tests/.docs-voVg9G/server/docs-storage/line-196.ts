export {};
import { fromNodeRedis, redisStore } from '@latchkey/redis';
import { createClient } from 'redis';

const redis = createClient({ url: 'redis://127.0.0.1:6379', disableOfflineQueue: true });
redis.on('error', (error) => console.error(`Redis: ${error.message}`));
await redis.connect();

export const store = redisStore(fromNodeRedis(redis)); // also of createCluster