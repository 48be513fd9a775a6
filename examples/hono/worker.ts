/**
 * On Workers, with `nodejs_compat`, the variables PORT and SWEEP=false, and a schedule: `crons = ["* * * * *"]`. What is kept in memory
 * is one isolate's: keep it in a store that all of them share.
 */
import { app, passkeys } from './application.ts';

/** As much as is used here of what a Worker is handed beside a request. */
interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void;
}

export default {
  async fetch(request: Request, _env: unknown, context: ExecutionContext): Promise<Response> {
    // The header is the client's address only where every request comes through Cloudflare.
    const response = await app.fetch(request, { address: request.headers.get('cf-connecting-ip') });
    // A request's work ends with its answer, unless it says what goes on: records on their way to sinks.
    context.waitUntil(passkeys.settled());
    return response;
  },
  /** Attempts that nobody ended get their record here. */
  async scheduled(): Promise<void> {
    await passkeys.sweep();
    await passkeys.settled();
  },
};
