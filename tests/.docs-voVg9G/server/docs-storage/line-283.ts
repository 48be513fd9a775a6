export {};
import { db, redis } from 'given';
import { redisChallenges } from '@latchkey/redis';
import { sqlStore } from '@latchkey/sql';

export const store = { ...sqlStore(db), challenges: redisChallenges(redis) };