export {};
import { rp, users, store } from 'given';
import { createPasskeys } from '@latchkey/core';
import { fetchPasskeys } from '@latchkey/fetch';

const log = (fields: object, message: string) => console.log(JSON.stringify({ ...fields, message }));
const logger = { info: log, warn: log, error: log };
const audit = { identityKey: process.env.IDENTITY_KEY! };
const passkeys = createPasskeys({ rp, users, store, sweepEvery: false, logger, audit });
const { fetch } = fetchPasskeys(passkeys, { address: (request) => request.headers.get('cf-connecting-ip') });

export default {
  async fetch(request: Request): Promise<Response> {
    return (await fetch(request)) ?? new Response('Not found', { status: 404 });
  },
  async scheduled(): Promise<void> {
    await passkeys.sweep();
  },
};