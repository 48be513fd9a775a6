// The only file that talks to the server. Every request has a deadline and resolves to a value; none is sent again.

import type { RequestOptionsJSON } from './options-json.ts';
import { inTurn, page } from './page.ts';
import {
  type Answer,
  type Done,
  type Misuse,
  type Mode,
  misuse,
  type Offline,
  type RefusalCode,
  type Refused,
} from './result.ts';
import { type Signals, signalState } from './signals.ts';
import { within } from './waiting.ts';

export type Purpose = 'authentication' | 'registration' | 'step-up';

interface Options<PublicKey> {
  attemptId: string;
  mode: Mode;
  uiMode?: 'immediate';
  publicKey: PublicKey;
}

/** Options as the server issued them, and how long they are good for by this page's own clock, counted from receipt. */
export interface Issued<PublicKey = RequestOptionsJSON> extends Options<PublicKey> {
  kind: 'issued';
  /** From here on too little time is left for a person. */
  freshUntil: number;
  /** The browser's own time-out. */
  endsAt: number;
  /** How long after `endsAt` the server can still be told how it ended, at least. */
  grace: number;
  /** They were there before the click. */
  prepared?: true;
}

/** What asking for options comes to. */
export type Asked<PublicKey = RequestOptionsJSON> = Issued<PublicKey> | Refused | Offline | Misuse;

/** What the page says of itself: `uiMode` as it was passed to get(), `immediateGet` as the browser reports it. */
export interface ClientReport {
  uiMode?: 'immediate' | 'none';
  immediateGet: boolean;
}

/** How an attempt ended in the page, or that one with prefetched options has begun. */
export type Outcome = { errorName: string } | { ended: 'password' } | { begun: true };

export type Connection = ReturnType<typeof connect>;

/** The time in milliseconds that a person should have left when a sheet opens, if the server's time-out allows it. */
const personalTime = 30_000;

export function connect(baseUrl: string, requestTimeout: number) {
  const base = baseUrl.replace(/\/+$/, '');

  /** `expected` is a member of the server's own answer: what lacks it comes from somebody else. */
  async function send<T>(
    method: string,
    path: string,
    expected?: string,
    body?: object,
    keepalive = false,
  ): Promise<Answer<T>> {
    let written = false;
    try {
      const json = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
      written = true;
      return await within(requestTimeout, async (signal) => {
        const response = await fetch(base + path, {
          method,
          redirect: 'manual',
          keepalive,
          signal,
          ...json,
        });
        const answer = readAnswer<T>(response, await response.text(), expected);
        const { signals = answer as Partial<Signals> } = answer as { signals?: Partial<Signals> };
        if (signals.currentUserDetails) signalState(signals as Signals);
        return answer;
      });
    } catch (error) {
      return written ? { kind: 'offline' } : misuse(String(error));
    }
  }

  return {
    send,

    fetchOptions<PublicKey extends { timeout?: number } = RequestOptionsJSON>(purpose: Purpose, body: object) {
      return inTurn(async (): Promise<Asked<PublicKey>> => {
        const answer = await send<Options<PublicKey>>('POST', `/${purpose}/options`, 'publicKey', body);
        if (answer.kind !== 'done') return answer;
        page.bound = true;
        const { timeout = 60_000 } = answer.publicKey;
        const endsAt = Date.now() + timeout;
        return {
          ...answer,
          kind: 'issued',
          endsAt,
          freshUntil: endsAt - Math.min(personalTime, timeout / 2),
          grace: Math.min(5_000, timeout / 8),
        };
      });
    },

    /** Tells the server without waiting; the request outlives the page. */
    report({ attemptId }: { attemptId: string }, outcome: Outcome & { client: ClientReport }): void {
      send('POST', `/attempts/${attemptId}/outcome`, undefined, outcome, true);
    },
  };
}

/** A refusal is a problem (RFC 9457) with a code. Whatever else is no success, a redirect too, somebody else answered. */
function readAnswer<T>({ ok, status }: Response, text: string, expected?: string): Done<T> | Refused {
  const answer = parse(text);
  if (ok && answer && (!expected || answer[expected])) return { ...(answer as T), kind: 'done' };
  const code = answer?.type === 'about:blank' && answer.code;
  return { kind: 'refused', code: (code as RefusalCode | undefined) || 'unknown_answer', status };
}

/** An object, empty for an answer without a body; undefined for what is no JSON object. */
function parse(text: string): { [member: string]: unknown } | undefined {
  try {
    const value = JSON.parse(text || '{}');
    return value && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}
