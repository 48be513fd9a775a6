export {};
import { rp, users, store } from 'given';
import { createPasskeys, standardOutput } from '@latchkey/core';

createPasskeys({ rp, users, store, logger: standardOutput });