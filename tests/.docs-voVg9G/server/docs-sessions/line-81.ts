export {};
import { rp, users, store, privateKey } from 'given';
import { createPasskeys } from '@latchkey/core';
import { SignJWT } from 'jose';

createPasskeys({
  rp,
  users,
  store,
  sessions: false,
  onSignIn: async ({ user, authenticatedAt, userVerified }) => {
    const claims = {
      auth_time: Math.floor(authenticatedAt / 1000),
      amr: userVerified ? ['pop', 'user', 'mfa'] : ['pop', 'user'],
    };
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).setSubject(user.id).setExpirationTime('10m');
    return { token: await jwt.sign(privateKey) };
  },
});