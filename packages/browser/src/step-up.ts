// Proving again who is signed in, before something that matters: always the full sheet, for that person's own passkeys.

import { getPasskey } from './assertion.ts';
import { callBrowser, openSheet, runAlone, verify } from './ceremony.ts';
import { ended, type StepUp, type StepUpResult } from './result.ts';
import type { ClientReport, Server } from './server.ts';

export interface StepUpOptions {
  /** What the step-up is for; it then serves nothing else. */
  action?: string;
}

export function stepUp(server: Server, options: StepUpOptions = {}): Promise<StepUpResult> {
  return runAlone(async ({ immediateGet }) => {
    const { action } = options;
    const client: ClientReport = { uiMode: 'none', immediateGet };
    const issued = await server.options('step-up', { action, client: { immediateGet } });
    if (issued.kind !== 'issued') return issued;

    const open = () => openSheet(issued, (signal) => getPasskey(issued, { signal }));
    const picked = await callBrowser(server, issued, client, open);
    if (picked instanceof Error) return ended(picked);
    return verify<StepUp>(server, 'step-up', issued, picked, client);
  });
}
