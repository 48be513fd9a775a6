/**
 * How this package speaks to Redis: only in scripts, each on the keys of one slot. A script is atomic, one round trip, and
 * always goes to the master, also under `scaleReads: 'slave'`, where a plain read may miss what was just disabled.
 */
import { createHash } from 'node:crypto';
import { ConfigurationError } from '@latchkey/core';

/**
 * What the stores need of a Redis client: two commands, with their arguments in the order in which Redis has them. Both answer
 * what Redis does: text, a number (or its digits), null, a list of these; an error of Redis rejects, and its text is the message.
 * A client of ioredis or iovalkey is one as it is; there are {@link fromNodeRedis}, {@link fromGlide} and {@link fromBun} for others. Nothing is
 * defined on it, so that two versions of this package can share one.
 */
export interface RedisClient {
  /** `EVALSHA sha1 numkeys [key …] [argument …]`. */
  evalsha(sha1: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
  /** `EVAL script numkeys [key …] [argument …]`. */
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
  /** Whether keys lie on several nodes, so that no script may have keys of two slots. */
  readonly isCluster?: boolean;
}

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
    const given = [...keys, ...args.map(String)];
    try {
      return await redis.evalsha(sha, keys.length, ...given);
    } catch (error) {
      // NOSCRIPT means that nothing of it ran.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return redis.eval(lua, keys.length, ...given);
    }
  };
}
