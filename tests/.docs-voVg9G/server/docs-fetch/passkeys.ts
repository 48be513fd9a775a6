export {};
import { users } from 'given';
// passkeys.ts
import { createPasskeys, memoryStore } from '@latchkey/core';

const rp = { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] };
export const passkeys = createPasskeys({ rp, users, store: memoryStore() });