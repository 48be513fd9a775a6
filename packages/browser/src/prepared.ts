// Options fetched before the click that uses them, so that the click goes straight to the browser. One set for each purpose,
// for one click that asks for the same.

import type { RequestOptionsJSON } from './options-json.ts';
import type { Answer } from './result.ts';
import type { Asked, Connection, Purpose } from './server.ts';
import { visibleFrom } from './waiting.ts';

/** What else a request for options says. */
interface More {
  mode?: string | undefined;
  prefetch?: true;
  client?: { immediateGet: boolean };
}

interface Kept {
  wanted: string;
  mode: string | undefined;
  /** Of the purpose's own kind. */
  asked: Promise<Asked<never>>;
}

/** What a person may want of options, in the order in which it is compared; all else in `wanted` is left out. */
const members = [
  'mediation',
  'identifier',
  'username',
  'displayName',
  'nickname',
  'action',
  'authenticator',
  'invitation',
  'offered',
];

export type Server = ReturnType<typeof keepingPrepared>;

export function keepingPrepared({ send, report, fetchOptions }: Connection) {
  const kept = new Map<Purpose, Kept>();

  function keep(purpose: Purpose, wanted: string, more: More, renewals: number): Kept {
    const asked = fetchOptions<never>(purpose, { ...JSON.parse(wanted), ...more });
    const fetched: Kept = { wanted, mode: more.mode, asked };
    kept.set(purpose, fetched);
    asked.then(async (answer) => {
      if (answer.kind === 'issued') await visibleFrom(answer.freshUntil);
      if (kept.get(purpose) !== fetched) return;
      kept.delete(purpose);
      if (answer.kind === 'issued' && renewals) keep(purpose, wanted, more, renewals - 1);
    });
    return fetched;
  }

  return {
    send,
    report,

    /** Fetches options, and replaces them so many times before they grow old. */
    async prepare(purpose: Purpose, wanted: object, more: More, renewals = 0): Promise<Answer> {
      const key = JSON.stringify(wanted, members);
      const there = kept.get(purpose);
      const same = there?.wanted === key && there.mode === more.mode;
      const answer = await (same ? there : keep(purpose, key, more, renewals)).asked;
      return answer.kind === 'issued' ? { kind: 'done' } : answer;
    },

    /** What was prepared, if it suits this click, else what is fetched now. */
    async options<PublicKey extends { timeout?: number } = RequestOptionsJSON>(
      purpose: Purpose,
      wanted: object,
      more: More,
    ): Promise<Asked<PublicKey>> {
      const key = JSON.stringify(wanted, members);
      const there = kept.get(purpose);
      if (there?.wanted === key) {
        const answer = await there.asked;
        // The mode that the server chose may be the one that is wanted.
        if (
          answer.kind === 'issued' &&
          Date.now() <= answer.freshUntil &&
          [there.mode, answer.mode].includes(more.mode)
        ) {
          kept.delete(purpose);
          return { ...answer, prepared: true };
        }
      }
      return fetchOptions(purpose, { ...JSON.parse(key), ...more });
    },
  };
}
