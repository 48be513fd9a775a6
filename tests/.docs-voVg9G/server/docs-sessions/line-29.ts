export {};
import { rp, users, store } from 'given';
import { createPasskeys } from '@latchkey/core';

createPasskeys({
  rp,
  users,
  store,
  sessions: {
    lifetime: '30d', // or 'browser', or a function of the request: "keep me signed in"
    idle: '7d', // how long a session may go unused
    max: 100, // how many a person has
    revalidateAfter: '60s', // how long a process may believe that a session is live
  },
});