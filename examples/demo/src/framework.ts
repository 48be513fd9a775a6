/**
 * The seam between the demo and the framework that serves it: one file per framework in `frameworks/`, which gets the
 * same parts and gives back a listener for Node's own HTTP server.
 */
import type { RequestListener } from 'node:http';
import type { AttemptsConsole } from '@latchkey/console';
import type { Passkeys } from '@latchkey/core';
import type { Mailbox } from './mailbox.ts';
import type { People } from './people.ts';
import type { Framework } from './settings.ts';
import type { Site } from './site.ts';

export interface Demo {
  readonly origin: string;
  readonly passkeys: Passkeys;
  readonly site: Site;
  readonly attempts: AttemptsConsole;
  readonly mailbox: Mailbox;
  readonly people: People;
}

export type Serve = (demo: Demo) => RequestListener | Promise<RequestListener>;

export async function loadFramework(name: Framework): Promise<Serve> {
  switch (name) {
    case 'express':
      return (await import('./frameworks/express.ts')).serveWithExpress;
    case 'koa':
      return (await import('./frameworks/koa.ts')).serveWithKoa;
    case 'fastify':
      return (await import('./frameworks/fastify.ts')).serveWithFastify;
  }
}
