/** One request to a site, as a browser would send it, and the part of the answer that the checks read. */
import { Fault, messageOf } from '../../terminal/fault.ts';

export interface Site {
  readonly origin: string;
  /** Where Latchkey is mounted. */
  readonly mount: string;
  /** A page that signs people in. */
  readonly page: string;
  readonly userAgent: string;
  readonly signal: AbortSignal;
}

/** An answer, as far as it is looked at. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export const ANSWER_MS = 10_000;

/** One request to the site. Throws a {@link Fault} when no answer comes. */
export async function ask({ userAgent, signal }: Site, url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, {
    redirect: 'manual',
    ...init,
    headers: { 'user-agent': userAgent, ...init.headers },
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new Fault('unreachable', `${url} does not answer: ${messageOf((error as Error).cause ?? error)}`, error);
  });
  const text = (await response.text()).slice(0, 1_048_576);
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {}
  return { status: response.status, headers: response.headers, text, json };
}
