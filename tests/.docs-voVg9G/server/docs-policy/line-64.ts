export {};
import { rp, users, store } from 'given';
import { createPasskeys, type PolicyOptions } from '@latchkey/core';
import type { Request } from 'express';

const everyone: PolicyOptions = { immediateMediation: 'prefer' };
const administrators: PolicyOptions = { immediateMediation: 'require' };

createPasskeys({
  rp,
  users,
  store,
  policy: (request: Request) => (request.hostname === 'admin.example.com' ? administrators : everyone),
});