// What a signed-in person does with what is theirs, passkeys and sessions, and sees of their sign-ins: plain requests, no ceremony.

import type { Server } from './prepared.ts';
import type { Activity, Answer, Passkey, Session } from './result.ts';
import { bestEffort } from './signals.ts';

export function own(server: Server) {
  async function change(id: string, body: object): Promise<Answer<{ passkey: Passkey }>> {
    const answer = await server.send<Passkey>('PATCH', pathOf('credentials', id), 'id', body);
    if (answer.kind !== 'done') return answer;
    const { kind, ...passkey } = answer;
    return { kind, passkey };
  }

  return {
    passkeys: (): Promise<Answer<{ passkeys: Passkey[] }>> => server.send('GET', '/credentials', 'passkeys'),

    rename: (id: string, nickname: string) => change(id, { nickname }),

    setEnabled: (id: string, enabled: boolean) => change(id, { enabled }),

    signal: (): Promise<Answer> => server.send('GET', '/signals', 'currentUserDetails'),

    remove: (id: string): Promise<Answer> => server.send('DELETE', pathOf('credentials', id)),

    activity: (): Promise<Answer<{ activity: Activity[] }>> => server.send('GET', '/activity', 'activity'),

    sessions: (): Promise<Answer<{ sessions: Session[] }>> => server.send('GET', '/sessions', 'sessions'),

    endSession: (id: string): Promise<Answer> => server.send('DELETE', pathOf('sessions', id)),

    endOtherSessions: (): Promise<Answer> => server.send('DELETE', '/sessions'),

    signOut(): Promise<Answer> {
      // No stored credential may sign the person in again unasked.
      // https://w3c.github.io/webappsec-credential-management/#dom-credentialscontainer-preventsilentaccess
      bestEffort(() => navigator.credentials.preventSilentAccess());
      return server.send('DELETE', '/session');
    },
  };
}

const pathOf = (list: 'credentials' | 'sessions', id: string) => `/${list}/${encodeURIComponent(id)}`;
