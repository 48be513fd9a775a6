// Offering a first passkey after a password sign-in. The server says whether: it knows who has one, who said "not now", and how
// far the roll-out is. Where browser and policy allow it, it is made without a sheet; else the page asks.

import { run } from './ceremony.ts';
import type { Server } from './prepared.ts';
import { upgrade } from './registration.ts';
import type { OfferResult } from './result.ts';

export function offer(server: Server): Promise<OfferResult> {
  return run('create', async (): Promise<OfferResult> => {
    const answer = await server.send<{ offer: 'silent' | 'ask' | 'none' }>('POST', '/offer', 'offer', {});
    if (answer.kind !== 'done') return answer;
    if (answer.offer !== 'silent') return { kind: answer.offer };
    const made = await upgrade(server);
    // What the browser did not make by itself, the person may still want.
    return made.kind === 'done' ? made : { kind: 'ask' };
  });
}
