export {};
import { rp, users, store } from 'given';
import { createPasskeys } from '@latchkey/core';

createPasskeys({ rp, users, store, policy: { reauthentication: { after: '12h', idle: '30m' } } });