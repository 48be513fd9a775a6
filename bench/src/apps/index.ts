/** Which application each kind of contestant is. */
import type { Contestant } from '../contestants.ts';
import type { App } from './app.ts';
import { betterAuthApp } from './better-auth.ts';
import { handWired } from './hand-wired.ts';
import { latchkey } from './latchkey.ts';
import { limit } from './limit.ts';

export const apps: Record<Contestant['kind'], App> = {
  latchkey,
  limit,
  'limit+': limit,
  'hand-wired': handWired,
  'better-auth': betterAuthApp,
};
