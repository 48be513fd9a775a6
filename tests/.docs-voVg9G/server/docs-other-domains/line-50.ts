export {};
import { users, store } from 'given';
import { createPasskeys, type RelyingParty } from '@latchkey/core';
import type { Request } from 'express';

const parties = new Map<string, RelyingParty>([
  ['a.example', { id: 'a.example', name: 'A', origins: ['https://a.example'] }],
  ['b.example', { id: 'b.example', name: 'B', origins: ['https://b.example'] }],
]);

createPasskeys({ users, store, rp: (request: Request) => parties.get(request.hostname) });