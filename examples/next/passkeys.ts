/** Passkeys, as every part of the application imports them. In memory: a restart forgets everything. */
import { createPasskeys, memoryStore, type Store, type User, type Users } from '@latchkey/core';
import { nextPasskeys } from '@latchkey/next';

/** Next.js loads this module once for pages and once for the proxy: what is in memory must be the same in both. */
const memory = globalThis as { latchkeyExample?: { store: Store; accounts: Map<string, User> } };
memory.latchkeyExample ??= { store: memoryStore(), accounts: new Map() };
const { store, accounts } = memory.latchkeyExample;

const isTaken = (name: string) => [...accounts.values()].some((account) => account.name === name);
const open = (account: User) => accounts.set(account.id, account).get(account.id);
const users: Users = {
  find: (id) => accounts.get(id),
  create: ({ name }) => (isTaken(name) ? null : open({ id: crypto.randomUUID(), name })),
};

const rp = {
  id: 'localhost',
  name: 'Latchkey on Next.js',
  origins: [`http://localhost:${process.env.PORT ?? 3000}`],
};
export const { handlers, passkeySession, guard, requireSignIn } = nextPasskeys(createPasskeys({ rp, users, store }));
