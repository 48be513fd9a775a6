/**
 * What a help desk does for a person who has lost a passkey, or whose passkey somebody else has: it looks, disables, removes,
 * signs out, and invites. Each change is recorded with its reason, and its owner is told.
 */
import {
  ConfigurationError,
  type PasskeySession,
  type Passkeys,
  type User,
  type UserAdministration,
} from '@latchkey/core';
import type { Accounts } from './accounts.ts';

/** One request does one thing to one person, both named in its query. It wants a confirmation of its own, which serves ten minutes. */
export const PEOPLE = { path: '/people/person', rule: { within: '10m', action: 'operate' } } as const;

export interface People {
  /** `asked`: the person's `name`, the `verb`, and what it needs: `id` of a passkey, `reason`, `replaces`. Answers a {@link Person}, or a `code`. */
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
      const person = passkeys.forUser(user.id);
      try {
        const token = await act(person, asked);
        if (token === undefined) return refused(400, 'no_such_verb');
        // Behind the #, which browsers send to no server.
        const link = token === null ? null : `${origin}/invited#invitation=${token}`;
        return { status: 200, body: await describe(user, person, link) };
      } catch (error) {
        // A reason that is missing, or that no record may have.
        if (error instanceof ConfigurationError) return refused(400, 'reason');
        throw error;
      }
    },
  };
}

const refused = (status: number, code: string) => ({ status, body: { code } });

/** Answers the token of an invitation, null where there is none; undefined where nothing is called that. */
async function act(person: UserAdministration, asked: URLSearchParams): Promise<string | null | undefined> {
  const change = { by: 'operator', reason: asked.get('reason') ?? '' } as const;
  const passkey = { ...change, id: asked.get('id') ?? '' };
  const replaces = asked.get('replaces') === 'all' && ({ replaces: 'all' } as const);
  const verbs: Record<string, () => Promise<unknown>> = {
    look: async () => {},
    enable: () => person.enable(passkey),
    disable: () => person.disable(passkey),
    remove: () => person.remove(passkey),
    'end-sessions': () => person.endSessions(change),
    'end-invitations': () => person.endInvitations(change),
    invite: async () => (await person.invite({ for: '1h', ...change, ...replaces })).token,
  };
  const verb = asked.get('verb') ?? '';
  if (!Object.hasOwn(verbs, verb)) return undefined;
  const done = await verbs[verb]!();
  return typeof done === 'string' ? done : null;
}

/** How a person stands, after whatever was done. */
export type Person = Awaited<ReturnType<typeof describe>>;

async function describe({ name, displayName = name }: User, person: UserAdministration, link: string | null) {
  const [list, sessions, invitations] = await Promise.all([person.list(), person.sessions(), person.invitations()]);
  return {
    name,
    displayName,
    link,
    passkeys: list.map(({ id, nickname, provider, enabled, createdAt, lastUsedAt }) => {
      return { id, nickname, provider, enabled, createdAt, lastUsedAt };
    }),
    sessions: sessions.length,
    invitations: invitations.map(({ expiresAt, opened, replaces }) => ({ expiresAt, opened, replaces })),
  };
}
