/** What the author of an adapter reads: a request as every adapter translates it, and the answer that comes back. */
import type { Readable } from 'node:stream';
import type { Logger } from './options.ts';

/** A request as every adapter translates it. `Request` and `Response` are the framework's own. */
export interface HttpRequest<Request = unknown, Response = unknown> {
  /** In upper case: `POST`. */
  readonly method: string;
  /** Below the mount prefix, starting with a slash, without the query. For `/.well-known` and for guards the whole path. */
  readonly path: string;
  /** The whole path and query, as the browser asked for it: where a redirect to the sign-in page leads back to. */
  readonly url: string;
  /** A request header by its lower-case name. Several of one name are joined by a comma (cookies by a semicolon). */
  header(name: string): string | undefined;
  /** What an earlier parser made of the body, or the untouched stream: of Node.js, or of a `Request`. */
  readonly body: { readonly parsed: unknown } | { readonly stream: Readable | ReadableStream<Uint8Array> };
  /** The client's address as far as the framework trusts it, or null. */
  readonly address: string | null;
  /** Name and major version: `express@5`. */
  readonly framework: string;
  /** The framework's own request: handed to the application's functions, never read here. */
  readonly native: Request;
  /** The framework's own response: handed to `onSignIn` and `onSignOut`, never touched here. */
  readonly nativeResponse: Response;
  /** The request's own logger, where the framework has one. */
  readonly logger?: Logger | undefined;
}

/** An answer as every adapter sends it. */
export interface HttpResponse {
  /** The HTTP status, 200 to 599. */
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Values of Set-Cookie, to be appended to those of others. */
  readonly cookies: readonly string[];
  /** Text to send as it is, in UTF-8; null: no body. */
  readonly body: string | null;
}
