/**
 * The answers: pages, their scripts and style, and data, each with the headers that a page of an operator wants. What is in
 * `pages/` is read once, when the console is opened.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type AttemptRecord, explain, type Outcome, type ReasonSource } from '@latchkey/core';
import type { Around } from './feed.ts';

const FOLDER = new URL('../pages/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing from elsewhere, nothing inline, no HTML made from text, and in nobody's frame. */
const SAFE = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

export interface Pages {
  list(): Response;
  attempt(record: AttemptRecord, around: Around): Response;
  data(value: unknown): Response;
  /** Null answers a HEAD. */
  stream(events: ReadableStream<Uint8Array> | null): Response;
  /** The file of this name, or that it is what the browser has already. Undefined: there is none. */
  asset(name: string, known: string | null): Response | undefined;
  refused(): Response;
}

/** A link to the application. */
export interface Home {
  readonly href: string;
  readonly name: string;
}

export function loadPages(mount: string, home: Home | undefined): Pages {
  const layout = read('layout.html');
  const everywhere = { mount, home: home?.href ?? '', homeName: home?.name ?? '' };
  const back = home ? read('home.html') : '';

  const assets = new Map(
    readdirSync(FOLDER)
      .filter((name) => extname(name) in TYPES)
      .map((name) => {
        const body = readFileSync(new URL(name, FOLDER));
        const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
        return [name, { body, etag, type: TYPES[extname(name)]! }] as const;
      }),
  );

  const template = (name: string) =>
    layout
      .replace('{{back}}', back)
      .replace('{{script}}', `${name}.js`)
      .replace('{{main}}', () => read(`${name}.html`));
  const list = fill(template('attempts'), { ...everywhere, title: 'Attempts' });
  const attempt = template('attempt');
  const failedAttempt = attempt.replace('{{failed}}', () => read('attempt-failed.html'));
  const otherAttempt = attempt.replace('{{failed}}', '');

  const answer = (
    body: string | Buffer<ArrayBuffer> | ReadableStream<Uint8Array> | null,
    type: string,
    more: { status?: number; cache?: string; etag?: string } = {},
  ) => {
    const { status = 200, cache = 'no-store', etag } = more;
    const headers = { ...SAFE, 'content-type': type, 'cache-control': cache, ...(etag && { etag }) };
    return new Response(body, { status, headers });
  };
  const html = (text: string) => answer(text, 'text/html; charset=utf-8');

  return {
    list: () => html(list),
    attempt: (record, around) =>
      html(
        fill(record.reason === null ? otherAttempt : failedAttempt, {
          ...everywhere,
          ...wordsOf(record),
          beside: besideOf(around, mount),
        }),
      ),
    data: (value) => answer(JSON.stringify(value), 'application/json'),
    stream: (events) => answer(events, 'text/event-stream'),
    asset: (name, known) => {
      const asset = assets.get(name);
      if (!asset) return undefined;
      const { body, etag, type } = asset;
      const same = known === etag;
      return answer(same ? null : body, type, { status: same ? 304 : 200, cache: 'private, no-cache', etag });
    },
    refused: () => answer('You may not see this page.\n', 'text/plain; charset=utf-8', { status: 403 }),
  };
}

/** What a page about a record says: what happened, and never to whom. */
function wordsOf(record: AttemptRecord) {
  const { event, attempt, outcome, http, library, trace } = record;
  const { verdict, asked, claimed, proved, unproved, failed } = explain(record);
  const orNothing = (sentences: readonly string[]) => (sentences.length > 0 ? sentences : ['Nothing.']);
  return {
    title: record.message,
    // A verdict begins with the message.
    more: verdict.slice(record.message.length + 1).trim(),
    outcome,
    ended: ENDED[outcome],
    time: event.time,
    at: new Date(event.time).toUTCString(),
    asked: orNothing(asked),
    claimed: orNothing(claimed),
    proved: orNothing(proved),
    unproved: orNothing(unproved),
    ...(failed && {
      reason: failed.reason,
      source: FOUND_BY[failed.source],
      rule: failed.rule === null ? '' : `The rule of the policy that said no: ${failed.rule.replaceAll('_', ' ')}.`,
      meaning: failed.meaning,
      advice: failed.advice,
    }),
    attemptId: attempt.id,
    eventId: event.id,
    stage: attempt.stage,
    startedAt: attempt.startedAt,
    began: new Date(attempt.startedAt).toUTCString(),
    took:
      attempt.ceremonyMs === null ? 'No challenge was open.' : `${attempt.ceremonyMs} ms from the challenge to the end`,
    answer: http === null ? 'No request ended it.' : `${http.method} ${http.route}, answered ${http.status}`,
    library: `${library.name} ${library.version}, ${library.framework}`,
    trace: trace.traceId ?? 'Not traced.',
  };
}

const ENDED: Record<Outcome, string> = {
  success: 'Success',
  cancelled: 'Cancelled',
  abandoned: 'Abandoned',
  failure: 'Refused',
  error: 'Error',
};

const FOUND_BY: Record<ReasonSource, string> = {
  server: 'Found by the server.',
  client_report: 'Said by the page, and not signed.',
  timeout: 'Nobody answered in time.',
};

/** What stands in a page as it is, because it was made of escaped text. */
interface Made {
  readonly html: string;
}

/** Links to the records before and after, and to what belongs together. */
function besideOf({ older, newer, related }: Around, mount: string): Made {
  const link = (words: string, { event, message }: AttemptRecord, rel = '') =>
    `<li>${words}: <a href="${escaped(`${mount}/${event.id}`)}"${rel}>${escaped(message)}</a></li>`;
  const links = [
    ...related.map((record) => link('Belongs to it', record)),
    ...(newer ? [link('Next', newer, ' rel="next"')] : []),
    ...(older ? [link('Previous', older, ' rel="prev"')] : []),
  ];
  return { html: links.join('\n') };
}

const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** Puts values into `{{slots}}`, as text; several as the items of a list. */
function fill(html: string, values: Readonly<Record<string, string | readonly string[] | Made>>): string {
  return html.replace(/\{\{(\w+)\}\}/g, (slot, name: string) => {
    if (!Object.hasOwn(values, name)) throw new Error(`Nothing to put into ${slot}`);
    const value = values[name]!;
    if (typeof value === 'string') return escaped(value);
    return 'html' in value ? value.html : value.map((item) => `<li>${escaped(item)}</li>`).join('');
  });
}

function read(name: string): string {
  return readFileSync(new URL(name, FOLDER), 'utf8');
}
