/** The invitation store in SQL. Each invitation is one row, and a change of its state is one statement that compares and sets. */
import type { Invitation, InvitationState, InvitationStore } from '@latchkey/core';
import type { Selectable } from 'kysely';
import { type Connection, eachOf } from './connection.ts';
import { flagOf, type InvitationRow, textOf } from './tables.ts';

const COLUMNS = [
  'id',
  'token_hash',
  'user_id',
  'rp_id',
  'replaces_all',
  'created_at',
  'expires_at',
  'status',
  'binding',
  'attempt_id',
] as const;

export function sqlInvitations(connection: Connection): InvitationStore {
  const { db, dialect, tables, statement, readable } = connection;
  const { invitations } = tables;

  const insert = statement((row: NewInvitationRow) => db.insertInto(invitations).values(eachOf(COLUMNS, row)));

  const all = () => db.selectFrom(invitations).select(readable(COLUMNS));

  const byToken = statement(({ tokenHash }: { tokenHash: string }) => all().where('token_hash', '=', tokenHash));

  const byUser = statement(({ userId }: { userId: string }) =>
    all().where('user_id', '=', userId).orderBy('created_at', 'desc').orderBy('id', 'desc'),
  );

  const changing = (binding: 'is' | '=', attempt: 'is' | '=') =>
    statement((p: StateChange) =>
      db
        .updateTable(invitations)
        .set({ status: p.status, binding: p.binding, attempt_id: p.attemptId })
        .where('token_hash', '=', p.tokenHash)
        .where('status', '=', p.fromStatus)
        .where('binding', binding, binding === 'is' ? null : p.fromBinding)
        .where('attempt_id', attempt, attempt === 'is' ? null : p.fromAttemptId),
    );
  // Nothing equals null in SQL: a statement for each member that may be null.
  const changes = {
    unbound: { unused: changing('is', 'is'), used: changing('is', '=') },
    bound: { unused: changing('=', 'is'), used: changing('=', '=') },
  };

  const open = statement(({ userId }: { userId: string }) =>
    db.deleteFrom(invitations).where('user_id', '=', userId).where('status', '=', 'open'),
  );

  const rest = statement(({ userId }: { userId: string }) => db.deleteFrom(invitations).where('user_id', '=', userId));

  const due = (p: { before: number; limit: number }) =>
    db.selectFrom(invitations).select('id').where('expires_at', '<=', p.before).orderBy('expires_at').limit(p.limit);

  // MySQL allows no LIMIT in a subquery of IN, but in DELETE itself; the others the other way round.
  const forget = statement((p: { before: number; limit: number }) =>
    dialect === 'mysql'
      ? db.deleteFrom(invitations).where('expires_at', '<=', p.before).orderBy('expires_at').limit(p.limit)
      : db
          .with('due', () => due(p).$if(dialect === 'postgres', (query) => query.forUpdate().skipLocked()))
          .deleteFrom(invitations)
          .where('id', 'in', (query) => query.selectFrom('due').select('id')),
  );

  return {
    async put(invitation) {
      await insert(rowOf(invitation));
    },

    async find({ tokenHash }) {
      if (!isTokenHash(tokenHash)) return null;
      const [row] = (await byToken({ tokenHash })).rows;
      return row === undefined ? null : invitationOf(row);
    },

    async change({ tokenHash, from, to }) {
      if (!isTokenHash(tokenHash)) return false;
      const change = changes[from.binding === null ? 'unbound' : 'bound'][from.attemptId === null ? 'unused' : 'used'];
      const parameters = {
        ...{ tokenHash, status: to.status, binding: to.binding, attemptId: to.attemptId },
        ...{ fromStatus: from.status, fromBinding: from.binding, fromAttemptId: from.attemptId },
      };
      return (await change(parameters)).changed === 1;
    },

    async listByUser(userId) {
      return (await byUser({ userId })).rows.map(invitationOf);
    },

    async forget(userId) {
      const { changed } = await open({ userId });
      await rest({ userId });
      return changed;
    },

    async forgetExpired(due) {
      return (await forget(due)).changed;
    },
  };
}

type StateChange = {
  tokenHash: string;
  status: InvitationState['status'];
  binding: string | null;
  attemptId: string | null;
  fromStatus: string;
  fromBinding: string | null;
  fromAttemptId: string | null;
};

/** Whether this can be one at all. PostgreSQL refuses text with a zero character as an error. */
const isTokenHash = (text: string) => /^[\w-]{1,64}$/.test(text);

type NewInvitationRow = ReturnType<typeof rowOf>;

function rowOf(invitation: Invitation) {
  return {
    id: invitation.id,
    token_hash: invitation.tokenHash,
    user_id: invitation.userId,
    rp_id: invitation.rpId,
    replaces_all: Number(invitation.replacesAll),
    created_at: invitation.createdAt,
    expires_at: invitation.expiresAt,
    status: invitation.status,
    binding: invitation.binding,
    attempt_id: invitation.attemptId,
  };
}

function invitationOf(row: Selectable<InvitationRow>): Invitation {
  const textOrNull = (value: string | Uint8Array | null) => (value === null ? null : textOf(value));
  return {
    id: textOf(row.id),
    tokenHash: textOf(row.token_hash),
    userId: textOf(row.user_id),
    rpId: textOf(row.rp_id),
    replacesAll: flagOf(row.replaces_all),
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
    status: textOf(row.status) as Invitation['status'],
    binding: textOrNull(row.binding),
    attemptId: textOrNull(row.attempt_id),
  };
}
