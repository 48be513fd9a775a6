export {};
import { redisStore } from '@latchkey/redis';
import { Cluster } from 'ioredis';

const redis = new Cluster([{ host: '10.0.0.1', port: 6379 }], {
  redisOptions: { maxRetriesPerRequest: 0, commandTimeout: 1000, connectTimeout: 1000 },
});
const store = redisStore(redis);