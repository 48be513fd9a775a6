// What a signed-in person does with their own passkeys and session: plain requests, no ceremony.

import type { Answer, Passkey } from './result.ts';
import type { Server } from './server.ts';
import { type Signals, signalState } from './signals.ts';

export function managing(server: Server) {
  return {
    passkeys(): Promise<Answer<{ passkeys: Passkey[] }>> {
      return server.send('GET', '/credentials');
    },

    async rename(id: string, nickname: string): Promise<Answer<{ passkey: Passkey }>> {
      const answer = await server.send<Passkey>('PATCH', pathOf(id), { nickname });
      if (answer.kind !== 'done') return answer;
      const { kind, ...passkey } = answer;
      return { kind, passkey };
    },

    async remove(id: string): Promise<Answer> {
      const answer = await server.send('DELETE', pathOf(id));
      if (answer.kind === 'done') signalWhatIsLeft(server);
      return answer;
    },

    signOut(): Promise<Answer> {
      return server.send('DELETE', '/session');
    },
  };
}

/** The password manager may then forget the passkey that was removed. Removing the session's own ends the session first. */
async function signalWhatIsLeft(server: Server): Promise<void> {
  const signals = await server.send<Signals>('GET', '/signals');
  if (signals.kind === 'done') signalState(signals);
}

function pathOf(id: string): string {
  return `/credentials/${encodeURIComponent(id)}`;
}
