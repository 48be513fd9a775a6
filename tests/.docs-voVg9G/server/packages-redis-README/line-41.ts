export {};
import { db, redis } from 'given';
import { redisChallenges } from '@latchkey/redis';
import { sqlStore } from '@latchkey/sql';

const store = { ...sqlStore(db), challenges: redisChallenges(redis) };