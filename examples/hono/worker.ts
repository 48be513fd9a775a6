/**
 * On Workers, with `nodejs_compat`, the variables PORT and SWEEP=false, and a schedule: `crons = ["* * * * *"]`. What is kept in memory
 * is one isolate's: keep it in a store that all of them share.
 */
import { app, passkeys } from './application.ts';

export default {
  // The header is the client's address only where every request comes through Cloudflare.
  fetch: (request: Request) => app.fetch(request, { address: request.headers.get('cf-connecting-ip') }),
  /** Attempts that nobody ended get their record here. */
  async scheduled(): Promise<void> {
    await passkeys.sweep();
  },
};
