export {};
import { rp, users, db, redis, createPasskeys } from 'given';
import { redisChallenges, redisStore } from '@latchkey/redis';
import { sqlStore } from '@latchkey/sql';

createPasskeys({ rp, users, store: redisStore(redis) });
createPasskeys({ rp, users, store: { ...sqlStore(db), challenges: redisChallenges(redis) } });