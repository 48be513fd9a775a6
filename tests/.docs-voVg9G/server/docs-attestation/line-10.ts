export {};
import { rp, users, store } from 'given';
import { readFileSync } from 'node:fs';
import { createPasskeys } from '@latchkey/core';

createPasskeys({
  rp,
  users,
  store,
  policy: {
    attestation: {
      conveyance: 'direct',
      metadata: readFileSync('fido-metadata.jwt', 'utf8'), // downloaded from https://mds3.fidoalliance.org
      allow: ['2fc0579f-8113-47ea-b116-bb5a8db9202a'], // these models only, by AAGUID
    },
  },
});
import { type PolicyOptions } from 'given';
const policy: PolicyOptions = {
  attestation: { conveyance: 'direct', roots: [readFileSync('maker-root.pem', 'utf8')] },
};