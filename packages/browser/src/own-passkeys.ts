// What a signed-in person does with their own passkeys: plain requests, no ceremony.

import type { Server } from './prepared.ts';
import type { Answer, Passkey } from './result.ts';

export function ownPasskeys(server: Server) {
  async function change(id: string, body: object): Promise<Answer<{ passkey: Passkey }>> {
    const answer = await server.send<Passkey>('PATCH', pathOf(id), 'id', body);
    if (answer.kind !== 'done') return answer;
    const { kind, ...passkey } = answer;
    return { kind, passkey };
  }

  return {
    passkeys: (): Promise<Answer<{ passkeys: Passkey[] }>> => server.send('GET', '/credentials', 'passkeys'),

    rename: (id: string, nickname: string) => change(id, { nickname }),

    setEnabled: (id: string, enabled: boolean) => change(id, { enabled }),

    signal: (): Promise<Answer> => server.send('GET', '/signals', 'currentUserDetails'),

    remove: (id: string): Promise<Answer> => server.send('DELETE', pathOf(id)),
  };
}

function pathOf(id: string): string {
  return `/credentials/${encodeURIComponent(id)}`;
}
