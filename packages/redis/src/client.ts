/**
 * How this package speaks to Redis: only in scripts, each on the keys of one slot. A script is atomic, one round trip, and
 * always goes to the master, also under `scaleReads: 'slave'`, where a plain read may miss what was just disabled.
 */
import { createHash } from 'node:crypto';
import { ConfigurationError } from '@latchkey/core';
import type { Cluster, Redis } from 'ioredis';

/** The application's ioredis client. Nothing is defined on it, so that two versions of this package can share one. */
export type RedisClient = Redis | Cluster;

/** The options of every store in Redis. */
export interface RedisStoreOptions {
  /** What every key begins with. `latchkey:` when left out; braces are refused, as they would choose the Cluster slot. */
  readonly prefix?: string;
}

/** @throws ConfigurationError when the prefix has a brace. */
export function prefixOf({ prefix = 'latchkey:' }: RedisStoreOptions): string {
  if (/[{}]/.test(prefix))
    throw new ConfigurationError('prefix', prefix, "Write it without braces, such as 'latchkey:'.");
  return prefix;
}

/** The key of something that belongs to a user. */
export function userKey(prefix: string, userId: string): string {
  // UTF-8 has no lone surrogates: two ids that differ only in one would become the same key, and so the same user.
  if (!userId.isWellFormed()) throw new TypeError('A user id has a lone surrogate.');
  return prefix + userId;
}

export type Script = (
  redis: RedisClient,
  keys: readonly string[],
  ...args: readonly (string | number)[]
) => Promise<unknown>;

/** A Lua script, sent by its hash; in full only to a server that does not know it yet, after a start or a failover. */
export function script(lua: string): Script {
  const sha = createHash('sha1').update(lua).digest('hex');
  return async (redis, keys, ...args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      // NOSCRIPT means that nothing of it ran.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return redis.eval(lua, keys.length, ...keys, ...args);
    }
  };
}
