export {};
import { redisStore } from '@latchkey/redis';
import { Cluster } from 'ioredis';

const nodes = [
  { host: '10.0.0.1', port: 6379 },
  { host: '10.0.0.2', port: 6379 },
];
const redis = new Cluster(nodes, {
  redisOptions: { maxRetriesPerRequest: 0, commandTimeout: 1000, connectTimeout: 1000 },
});
redis.on('error', (error) => console.error(`Redis: ${error.message}`));

export const store = redisStore(redis);