export {};
import { rp, store, table } from 'given';
import { createPasskeys } from '@latchkey/core';

createPasskeys({
  rp,
  store,
  users: {
    find: (id) => table.byId(id),
    create: ({ name, displayName }) => table.insertUnlessTaken({ id: crypto.randomUUID(), name, displayName }),
    undo: ({ id }) => table.remove(id), // the passkey could not be stored after all
  },
});