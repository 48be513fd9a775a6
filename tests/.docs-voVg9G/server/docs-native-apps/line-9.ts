export {};
import { users, store, expressApp as app } from 'given';
import { createPasskeys } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';

const passkeys = createPasskeys({
  rp: {
    id: 'example.com',
    name: 'Example',
    origins: ['https://example.com'],
    apps: [
      {
        android: {
          package: 'com.example.app',
          sha256: 'F6:97:FC:36:C1:79:88:42:AA:B7:1F:0F:28:14:94:A9:C3:B5:44:26:02:B7:0F:2D:95:F9:6E:87:F7:A7:EA:A0',
        },
      },
      { apple: 'A1B2C3D4E5.com.example.app' },
    ],
  },
  users,
  store,
});
const { routes, wellKnown } = expressPasskeys(passkeys);
app.use(routes());
app.use(wellKnown()); // on https://example.com: the RP ID's own domain