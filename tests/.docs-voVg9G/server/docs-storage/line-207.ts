export {};
import { fromGlide, redisStore } from '@latchkey/redis';
import { GlideClient } from '@valkey/valkey-glide';

const valkey = await GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port: 6379 }], requestTimeout: 1000 });

export const store = redisStore(fromGlide(valkey)); // also of a GlideClusterClient