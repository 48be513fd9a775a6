export {};
import { users, store } from 'given';
// passkeys.ts
import { createPasskeys } from '@latchkey/core';
import { nextPasskeys } from '@latchkey/next';

const rp = { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] };
const passkeys = createPasskeys({ rp, users, store });
export const { handlers, passkeySession, guard, requireSignIn } = nextPasskeys(passkeys);