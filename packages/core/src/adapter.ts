/** What the author of an adapter reads: a request as every adapter translates it, and the answer that comes back. */

import type { Readable } from 'node:stream';
import type { Logger } from './options.ts';
import type { Enforcement } from './record/attempt.ts';

/** A request as every adapter translates it. */
export interface HttpRequest {
  readonly method: string;
  /** Below the mount prefix, starting with a slash, without the query. For `/.well-known` the whole path. */
  readonly path: string;
  /** A request header by its lower-case name. */
  header(name: string): string | undefined;
  /** What an earlier parser made of the body, or the untouched stream. */
  readonly body: { readonly parsed: unknown } | { readonly stream: Readable };
  /** The client's address as far as the framework trusts it, or null. */
  readonly address: string | null;
  /** The framework's session, or null where the application has none. */
  readonly session: SessionPort | null;
  /** Name and major version: `express@5`. */
  readonly framework: string;
  /** The framework's own request: handed to the application's functions, never read here. */
  readonly native: unknown;
  readonly logger?: Logger | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** One Set-Cookie value, to be appended to those of others, or null. */
  readonly cookie: string | null;
  readonly body: string | null;
}

/** The framework's session library behind four verbs. Each settles when the session store has it. */
export interface SessionPort {
  read(): SignedIn | undefined;
  /** A new session id. `keep`: the application's own data moves over; else it is dropped. */
  rotate(keep: boolean): Promise<void>;
  write(signedIn: SignedIn): Promise<void>;
  /** Ends the session. */
  clear(): Promise<void>;
}

/** What a session holds about who signed in, as JSON. */
export interface SignedIn {
  readonly rpId: string;
  readonly userId: string;
  readonly passkeyId: string;
  /** The passkey's generation then: a later one means it was disabled since. */
  readonly generation: number;
  readonly authenticatedAt: number;
  readonly userVerified: boolean;
  readonly enforcement: Enforcement;
  /** When it was last here, where being idle ends a session. */
  readonly seenAt?: number;
  readonly stepUp?: { readonly at: number; readonly action?: string };
}
