// The only file that talks to the server. Every request has a deadline and resolves to a value; none is sent again.

import { inTurn, page } from './page.ts';
import type { Answer, Mode, Offline, RefusalCode, Refused } from './result.ts';

export type Purpose = 'authentication' | 'registration' | 'step-up';

interface Options<PublicKey> {
  attemptId: string;
  mode: Mode;
  uiMode?: 'immediate';
  publicKey: PublicKey;
}

/** Options as the server issued them, and how long they are good for by this page's own clock, counted from receipt. */
export interface Issued<PublicKey = PublicKeyCredentialRequestOptionsJSON> extends Options<PublicKey> {
  kind: 'issued';
  /** From here on too little time is left for a person. */
  freshUntil: number;
  /** The browser's own time-out. */
  endsAt: number;
  /** How long after `endsAt` the server can still be told how it ended, at least. */
  grace: number;
}

/** What the page says of itself: `uiMode` as it was passed to get(), `immediateGet` as the browser reports it. */
export interface ClientReport {
  uiMode?: 'immediate' | 'none';
  immediateGet: boolean;
}

/** How an attempt ended in the page, or that one with prefetched options has begun. */
export type Outcome = { errorName: string } | { ended: 'password' } | { begun: true };

export type Server = ReturnType<typeof connect>;

/** The time in milliseconds that a person should have left when a sheet opens, if the server's time-out allows it. */
const personalTime = 30_000;

export function connect(baseUrl: string, requestTimeout: number) {
  async function send<T>(method: string, path: string, body?: object, keepalive = false): Promise<Answer<T>> {
    try {
      const response = await fetch(baseUrl + path, {
        method,
        credentials: 'same-origin',
        keepalive,
        signal: AbortSignal.timeout(requestTimeout),
        ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      const { ok, status } = response;
      const text = await response.text();
      const answer = parse(text);
      if (ok && answer) return { ...(answer as T), kind: 'done' };
      return { kind: 'refused', code: answer?.code ?? 'unknown_answer', status };
    } catch {
      return { kind: 'offline' };
    }
  }

  return {
    send,

    options<PublicKey extends { timeout?: number } = PublicKeyCredentialRequestOptionsJSON>(
      purpose: Purpose,
      body: object,
    ) {
      return inTurn(async (): Promise<Issued<PublicKey> | Refused | Offline> => {
        const answer = await send<Options<PublicKey>>('POST', `/${purpose}/options`, body);
        if (answer.kind !== 'done') return answer;
        if (!answer.publicKey) return { kind: 'refused', code: 'unknown_answer', status: 200 };
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
      send('POST', `/attempts/${attemptId}/outcome`, outcome, true);
    },
  };
}

function parse(text: string): { code?: RefusalCode } | undefined {
  try {
    return JSON.parse(text || '{}');
  } catch {
    return undefined;
  }
}
