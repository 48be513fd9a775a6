export {};
import { users, store, expressApp as app } from 'given';
import { createPasskeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';

const passkeys = createPasskeys({
  rp: {
    id: 'example.com',
    name: 'Example',
    origins: ['https://example.com', 'https://login.example.com'],
    relatedOrigins: ['https://example.co.uk'],
  },
  users,
  store,
});
const { routes, wellKnown } = expressPasskeys(passkeys);
app.use(routes());
app.use(wellKnown()); // https://example.com/.well-known/webauthn