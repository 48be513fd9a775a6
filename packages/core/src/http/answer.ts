/** What a route answers, and how that becomes a response: the same careful headers on every one, and one body a code. */

import type { HttpResponse } from '../adapter.ts';
import { PROBLEMS, type ProblemCode, type Refusal } from '../errors.ts';
import type { EventName } from '../record/attempt.ts';
import type { Verdict } from '../record/draft.ts';

/** What a route answers. `ends`: the request ended an attempt so. `also`: one more event that it brought about. */
export interface Answer {
  readonly status: number;
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookie?: string;
  readonly ends?: Verdict;
  readonly also?: EventName;
}

export function respond(answer: Answer): HttpResponse {
  const body =
    answer.body === undefined ? null : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  const headers: Record<string, string> = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  if (body !== null) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(Buffer.byteLength(body));
  }
  if (answer.headers) Object.assign(headers, answer.headers);
  return { status: answer.status, headers, cookie: answer.cookie ?? null, body };
}

/** RFC 9457. One fixed title per code; never a message, a path or a value. */
export function problem(
  code: ProblemCode,
  headers: Readonly<Record<string, string>> = {},
  attemptId?: string,
  refusal?: Refusal,
): HttpResponse {
  const [status, title] = PROBLEMS[code];
  return respond({
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(refusal?.limited && { 'retry-after': String(refusal.limited.retryAfter) }),
      ...headers,
    },
    body: { type: 'about:blank', title, status, code, ...(attemptId !== undefined && { attemptId }) },
  });
}
