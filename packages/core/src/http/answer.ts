/** What a route answers, and how that becomes a response: the same careful headers on every one, and one body a code. */
import type { HttpResponse } from '../adapter.ts';
import { PROBLEMS, type ProblemCode } from '../errors.ts';
import type { Verdict } from '../record/draft.ts';

/** What a route answers. `ends`: the request ended an attempt so. */
export interface Answer {
  readonly status: number;
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ends?: Verdict;
}

/** The response of an answer. `cookies`: values of Set-Cookie. */
export function respond(answer: Answer, cookies: readonly string[] = []): HttpResponse {
  const body =
    answer.body === undefined ? null : typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  const headers: Record<string, string> = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  if (body !== null) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = String(Buffer.byteLength(body));
  }
  if (answer.headers) Object.assign(headers, answer.headers);
  return { status: answer.status, headers, cookies, body };
}

/** RFC 9457. One fixed title per code; never a message, a path or a value. */
export function problem(
  code: ProblemCode,
  { headers, attemptId }: { headers?: Readonly<Record<string, string>>; attemptId?: string | undefined } = {},
): HttpResponse {
  const [status, title] = PROBLEMS[code];
  return respond({
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
    body: { type: 'about:blank', title, status, code, ...(attemptId !== undefined && { attemptId }) },
  });
}
