export {};
import { rp, users, store } from 'given';
import { readFileSync } from 'node:fs';
import { createPasskeys, type PolicyOptions } from '@latchkey/core';
import type { Request } from 'express';

const before: PolicyOptions = {};
const attested: PolicyOptions = {
  attestation: { conveyance: 'direct', roots: [readFileSync('maker-root.pem', 'utf8')] },
};

createPasskeys({
  rp,
  users,
  store,
  policy: (request: Request) => (/\/registration\//.test(request.originalUrl) ? attested : before),
});