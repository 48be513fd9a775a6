/** Every public name of @latchkey/redis. */
import type { Store } from '@latchkey/core';
import { type RedisAttemptsOptions, redisAttempts } from './attempts.ts';
import { redisChallenges } from './challenges.ts';
import type { RedisClient } from './client.ts';
import { redisPasskeys } from './passkeys.ts';
import { redisSessions } from './sessions.ts';

export type { RedisAttemptsOptions } from './attempts.ts';
export { redisAttempts } from './attempts.ts';
export { redisChallenges } from './challenges.ts';
export type { RedisClient, RedisStoreOptions } from './client.ts';
export type { BunRedisClient, GlideClient, NodeRedisClient } from './clients.ts';
export { fromBun, fromGlide, fromNodeRedis } from './clients.ts';
export { redisPasskeys } from './passkeys.ts';
export { redisSessions } from './sessions.ts';

/**
 * Everything Latchkey keeps, in Redis: a single node, Sentinel or Cluster, as the client says: one of ioredis, or
 * {@link fromNodeRedis}, {@link fromGlide}, {@link fromBun} of another. The client stays the application's: it is neither
 * configured nor closed here. Each verb rejects with what the client rejects with.
 */
export function redisStore(redis: RedisClient, options: RedisAttemptsOptions = {}): Required<Store> {
  const passkeys = redisPasskeys(redis, options);
  return {
    challenges: redisChallenges(redis, options),
    passkeys,
    sessions: passkeys.sessions ?? redisSessions(redis, options),
    attempts: redisAttempts(redis, options),
  };
}
