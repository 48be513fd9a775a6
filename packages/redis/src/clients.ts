/** Other clients than ioredis as the stores need them. Each is taken in the shape that it has; none is imported. */
import type { RedisClient } from './client.ts';

/** As much of a client or a cluster of node-redis as is used. */
export interface NodeRedisClient {
  /** Sends EVALSHA. */
  evalSha(sha1: string, given: { keys: string[]; arguments: string[] }): Promise<unknown>;
  /** Sends EVAL. */
  eval(script: string, given: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** A client of node-redis (the package `redis`): what `createClient` or `createCluster` gives. */
export function fromNodeRedis(client: NodeRedisClient): RedisClient {
  const named = (keyCount: number, all: readonly string[]) => ({
    keys: all.slice(0, keyCount),
    arguments: all.slice(keyCount),
  });
  return {
    evalsha: (sha1, keyCount, ...all) => client.evalSha(sha1, named(keyCount, all)),
    eval: (script, keyCount, ...all) => client.eval(script, named(keyCount, all)),
    isCluster: 'masters' in client,
  };
}

/** As much of a client of Valkey GLIDE as is used. */
export interface GlideClient {
  /** Sends a command with its arguments. */
  customCommand(command: string[]): Promise<unknown>;
}

/** A client of Valkey GLIDE (`@valkey/valkey-glide`): a `GlideClient` or a `GlideClusterClient`. */
export function fromGlide(client: GlideClient): RedisClient {
  const send = async (command: readonly string[]) => {
    try {
      return await client.customCommand([...command]);
    } catch (error) {
      throw asRedisSaidIt(error);
    }
  };
  return {
    evalsha: (sha1, keyCount, ...all) => send(['EVALSHA', sha1, `${keyCount}`, ...all]),
    eval: (script, keyCount, ...all) => send(['EVAL', script, `${keyCount}`, ...all]),
    isCluster: 'pubsubShardChannels' in client,
  };
}

/** GLIDE puts words of its own before what Redis said, and names the error as its sources do. */
function asRedisSaidIt(error: unknown): unknown {
  const isUnknownScript = error instanceof Error && /\bNoScriptError\b/.test(error.message);
  return isUnknownScript ? new Error('NOSCRIPT No matching script.', { cause: error }) : error;
}

/** As much of Bun's own Redis client as is used. */
export interface BunRedisClient {
  /** Sends a command with its arguments. */
  send(command: string, given: string[]): Promise<unknown>;
}

/** Bun's own client (`RedisClient` of `bun`). It knows no Cluster. */
export function fromBun(client: BunRedisClient): RedisClient {
  return {
    evalsha: (sha1, keyCount, ...all) => client.send('EVALSHA', [sha1, `${keyCount}`, ...all]),
    eval: (script, keyCount, ...all) => client.send('EVAL', [script, `${keyCount}`, ...all]),
  };
}
