export {};
// chain.ts
import { chained, fileSink, queued } from '@latchkey/audit';

export const log = queued(
  chained(fileSink({ path: '/var/log/app/sign-ins.log', fsync: 'interval', reopenOn: 'SIGHUP' }), {
    keys: { current: 'k1', byId: { k1: process.env.AUDIT_KEY_1! } }, // openssl rand -base64 32
    checkpoints: {
      sink: fileSink({ path: '/mnt/elsewhere/checkpoints.log', fsync: 'always', name: 'checkpoints' }),
      signingKey: { id: 'c1', privateKey: process.env.CHECKPOINT_KEY! }, // openssl genpkey -algorithm ed25519
    },
  }),
);