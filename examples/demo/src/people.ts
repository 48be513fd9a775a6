/**
 * What a help desk does for a person who has lost a passkey, or whose passkey somebody else has: it looks, disables, removes,
 * signs out, and invites. Each change is recorded with its reason, and its owner is told.
 */
import { ConfigurationError, type PasskeySession, type Passkeys } from '@latchkey/core';
import type { Accounts } from './accounts.ts';

/** One request does one thing to one person, both named in its query. It wants a confirmation of its own, which serves ten minutes. */
export const PEOPLE = { path: '/people/person', rule: { within: '10m', action: 'operate' } } as const;

export interface People {
  /** `asked`: the person's `name`, the `verb`, and what it needs: `id` of a passkey, `reason`, `replaces`. */
  answer(operator: PasskeySession, asked: URLSearchParams): Promise<{ status: number; body: object }>;
}

interface Desk {
  readonly passkeys: Passkeys;
  readonly accounts: Accounts;
  readonly origin: string;
  /** The name of the account that may do this. */
  readonly operator: string;
}

export function openPeople({ passkeys, accounts, origin, operator }: Desk): People {
  return {
    async answer(visitor, asked) {
      if (visitor.user.id !== (await accounts.findByName(operator))?.id) return refused(403, 'not_operator');
      const user = await accounts.findByName(asked.get('name') ?? '');
      if (user === undefined) return refused(404, 'nobody');
      try {
        const link = await act(user.id, asked);
        if (link === undefined) return refused(400, 'no_such_verb');
        return {
          status: 200,
          body: { name: user.name, displayName: user.displayName, link, ...(await look(user.id)) },
        };
      } catch (error) {
        // A reason that is missing, or that no record may have.
        if (error instanceof ConfigurationError) return refused(400, 'reason');
        throw error;
      }
    },
  };

  /** Answers the link of an invitation, null without one; undefined where nothing is called that. */
  async function act(userId: string, asked: URLSearchParams): Promise<string | null | undefined> {
    const person = passkeys.forUser(userId);
    const change = { by: 'operator', reason: asked.get('reason') ?? '' } as const;
    const id = asked.get('id') ?? '';
    switch (asked.get('verb')) {
      case 'look':
        return null;
      case 'enable':
        await person.enable({ ...change, id });
        return null;
      case 'disable':
        await person.disable({ ...change, id });
        return null;
      case 'remove':
        await person.remove({ ...change, id });
        return null;
      case 'end-sessions':
        await person.endSessions(change);
        return null;
      case 'end-invitations':
        await person.endInvitations(change);
        return null;
      case 'invite': {
        const replaces = asked.get('replaces') === 'all' && ({ replaces: 'all' } as const);
        const { token } = await person.invite({ for: '1h', ...change, ...replaces });
        // Behind the #, which browsers send to no server.
        return `${origin}/invited#invitation=${token}`;
      }
      default:
        return undefined;
    }
  }

  async function look(userId: string) {
    const person = passkeys.forUser(userId);
    const [list, sessions, invitations] = await Promise.all([person.list(), person.sessions(), person.invitations()]);
    return {
      passkeys: list.map(({ id, nickname, provider, enabled, createdAt, lastUsedAt }) => {
        return { id, nickname, provider, enabled, createdAt, lastUsedAt };
      }),
      sessions: sessions.length,
      invitations: invitations.map(({ expiresAt, opened, replaces }) => ({ expiresAt, opened, replaces })),
    };
  }
}

const refused = (status: number, code: string) => ({ status, body: { code } });

/** The answer to `look`, and to everything else that was done. */
export type Person = {
  readonly name: string;
  readonly displayName: string;
  readonly link: string | null;
  readonly passkeys: readonly {
    readonly id: string;
    readonly nickname: string;
    readonly provider: string | null;
    readonly enabled: boolean;
    readonly createdAt: number;
    readonly lastUsedAt: number | null;
  }[];
  readonly sessions: number;
  readonly invitations: readonly {
    readonly expiresAt: number;
    readonly opened: boolean;
    readonly replaces: 'all' | null;
  }[];
};
