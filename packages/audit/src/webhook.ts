/**
 * Records and other events as HTTP requests by Standard Webhooks (https://www.standardwebhooks.com): whoever receives them verifies
 * with any library for it.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { type AttemptRecord, ConfigurationError } from '@latchkey/core';
import { bounded } from './bounded.ts';
import { durationOf } from './options.ts';
import type { RecordSink, SinkOptions } from './sink.ts';

/** Where to, and the secret that the receiver has too. */
export interface WebhookOptions extends SinkOptions {
  /** Where to. `https`, or `http` on this machine. Redirects are not followed. */
  readonly url: string;
  /**
   * `whsec_` and 24 to 64 bytes in base64. Several while a secret is replaced: each request then has a signature by each, the
   * first one first.
   */
  readonly secret: string | readonly string[];
  /** Milliseconds since the epoch, for the timestamp that is signed. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Something else than a record. */
export interface WebhookEvent {
  /** The same each time that this event is sent: who receives it twice can tell. Default: a new UUID. */
  readonly id?: string;
  /** Such as `latchkey.signin.attempt`. */
  readonly type: string;
  /** When it happened, in milliseconds since the epoch. */
  readonly happenedAt: number;
  /** JSON. */
  readonly data: object;
}

/** Takes records, and other events. */
export interface WebhookSink extends RecordSink {
  /** Sends something else than a record, once. Rejects like `write`. */
  readonly send: (event: WebhookEvent) => Promise<void>;
}

/**
 * One POST a record, with the body `{ type, timestamp, data: record }` and the record's `event.id` as `webhook-id`. Any status but
 * 2xx rejects. It tries once: `queued(webhook(…))` tries again, with the same id and a new timestamp.
 */
export function webhook(options: WebhookOptions): WebhookSink {
  const { name = 'webhook', onFailure, clock = Date.now, timeout = '5s' } = options;
  const url = readUrl(options.url);
  const secrets = [options.secret].flat().map(readSecret);
  if (secrets.length === 0) throw new ConfigurationError('webhook.secret', [], SECRET);
  const timeoutMs = durationOf('webhook.timeout', timeout);
  const run = bounded('webhook', name, options);
  const closing = new AbortController();
  const underWay = new Set<Promise<void>>();

  async function post({ id = randomUUID(), type, happenedAt, data }: WebhookEvent): Promise<void> {
    const body = JSON.stringify({ type, timestamp: new Date(happenedAt).toISOString(), data });
    const timestamp = Math.floor(clock() / 1_000).toString();
    const signatures = secrets.map((secret) => signatureOf(secret, `${id}.${timestamp}.${body}`));
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatures.join(' '),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([closing.signal, AbortSignal.timeout(timeoutMs)]),
    });
    // Nobody reads what it answers.
    await response.body?.cancel();
    if (!response.ok) throw new Error(`${name}: ${url.origin} answered ${response.status}.`);
  }

  function send(event: WebhookEvent): Promise<void> {
    if (closing.signal.aborted) return Promise.reject(new Error(`${name} is closed.`));
    const sent = run(() => post(event));
    const ended = sent.catch(() => {}).finally(() => underWay.delete(ended));
    underWay.add(ended);
    return sent;
  }

  return {
    name,
    ...(onFailure && { onFailure }),
    write: (record: AttemptRecord) =>
      send({ id: record.event.id, type: record.event.name, happenedAt: Date.parse(record.event.time), data: record }),
    send,
    async close() {
      // Each ends after `timeout` at the latest.
      await Promise.all(underWay);
      closing.abort();
    },
  };
}

/** `v1` of Standard Webhooks: HMAC-SHA-256 over id, timestamp and body. */
const signatureOf = (secret: Buffer, signed: string) =>
  `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`;

const SECRET = "Write 'whsec_' and 24 to 64 random bytes in base64: openssl rand -base64 32";

function readSecret(secret: string): Buffer {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const bytes = Buffer.from(base64 ?? '', 'base64');
  // What was given is a secret, or nearly one: it is not shown.
  if (!(bytes.length >= 24 && bytes.length <= 64))
    throw new ConfigurationError('webhook.secret', 'another one', SECRET);
  return bytes;
}

function readUrl(given: string): URL {
  const url = URL.parse(given);
  const isLocal = url !== null && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && isLocal))) return url;
  throw new ConfigurationError('webhook.url', given, 'Write an https address, or http on localhost.');
}
