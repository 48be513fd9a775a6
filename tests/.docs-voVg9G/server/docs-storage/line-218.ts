export {};
import { redisStore } from '@latchkey/redis';

declare function send(...command: string[]): Promise<unknown>; // your client's

export const store = redisStore({
  evalsha: (sha1, keyCount, ...rest) => send('EVALSHA', sha1, `${keyCount}`, ...rest),
  eval: (script, keyCount, ...rest) => send('EVAL', script, `${keyCount}`, ...rest),
  isCluster: false, // true: then no script has keys of two slots
});