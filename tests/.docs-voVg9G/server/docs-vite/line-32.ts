export {};
import { store, users } from 'given';
import { createPasskeys } from '@latchkey/core';

const isDevelopment = process.env.NODE_ENV !== 'production';

export const passkeys = createPasskeys({
  rp: {
    id: 'localhost',
    name: 'Example',
    origins: ['http://localhost:3000', ...(isDevelopment ? ['http://localhost:5173'] : [])],
  },
  store,
  users,
});