export {};
import { rp, users, store } from 'given';
import { createPasskeys } from '@latchkey/core';
import { type FetchPasskeys, fetchPasskeys } from '@latchkey/fetch';

let site: FetchPasskeys | undefined;

export default {
  async fetch(request: Request, { IDENTITY_KEY }: { IDENTITY_KEY: string }): Promise<Response> {
    site ??= fetchPasskeys(
      createPasskeys({ rp, users, store, sweepEvery: false, audit: { identityKey: IDENTITY_KEY } }),
      { address: (request) => request.headers.get('cf-connecting-ip') },
    );
    return (await site.fetch(request)) ?? new Response('Not found', { status: 404 });
  },
};