// Where a person is signed in, and how that ends: plain requests, no ceremony.

import type { Server } from './prepared.ts';
import type { Answer, Session } from './result.ts';
import { bestEffort } from './signals.ts';

export function ownSessions(server: Server) {
  return {
    sessions: (): Promise<Answer<{ sessions: Session[] }>> => server.send('GET', '/sessions', 'sessions'),

    endSession: (id: string): Promise<Answer> => server.send('DELETE', `/sessions/${encodeURIComponent(id)}`),

    endOtherSessions: (): Promise<Answer> => server.send('DELETE', '/sessions'),

    signOut(): Promise<Answer> {
      // No stored credential may sign the person in again unasked.
      // https://w3c.github.io/webappsec-credential-management/#dom-credentialscontainer-preventsilentaccess
      bestEffort(() => navigator.credentials.preventSilentAccess());
      return server.send('DELETE', '/session');
    },
  };
}
