export {};
// accounts.ts: yours. In memory, to begin with.
import type { User, Users } from '@latchkey/core';

const accounts = new Map<string, User>();
const isTaken = (name: string) => [...accounts.values()].some((account) => account.name === name);

export const users: Users = {
  find: (id) => accounts.get(id),
  create({ name }) {
    if (isTaken(name)) return null; // an account that was there before belongs to somebody else
    const account = { id: crypto.randomUUID(), name };
    accounts.set(account.id, account);
    return account;
  },
};

/** What people may see of an account: never the whole row. */
export const profileOf = ({ id, name }: User) => ({ id, name });