/**
 * One of two processes that take the same challenge. Says `ready`, waits for a line, takes many times at once and prints
 * the answers. Arguments: URL, prefix, attempt id, binding, now, how many.
 */
import { once } from 'node:events';
import { redisChallenges } from '@latchkey/redis';
import { Redis } from 'ioredis';

const [url, prefix, attemptId, binding, now, count] = process.argv.slice(2) as [string, ...string[]];
const redis = new Redis(url, { maxRetriesPerRequest: 0 });
const challenges = redisChallenges(redis, { prefix: prefix! });
await redis.ping();
console.log('ready');
await once(process.stdin, 'data');
const takes = Array.from({ length: Number(count) }, () =>
  challenges.take({ attemptId: attemptId!, binding: binding!, now: Number(now) }),
);
console.log(JSON.stringify((await Promise.all(takes)).map(({ status }) => status)));
process.exit();
