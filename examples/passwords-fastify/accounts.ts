/** The accounts that this site had before passkeys: rows with a number as their key, as a SQL table has them. */
import { scryptSync, timingSafeEqual } from 'node:crypto';

export interface Account {
  readonly id: number;
  readonly email: string;
  readonly salt: string;
  readonly hash: Buffer;
}

const hashOf = (password: string, salt: string) => scryptSync(password, salt, 32);

function row(id: number, email: string, password: string): Account {
  const salt = `salt of ${id}`;
  return { id, email, salt, hash: hashOf(password, salt) };
}

// Two people, so that a second one can come to the same browser.
const rows = [row(1, 'ada@example.com', 'difference engine'), row(2, 'eve@example.com', 'apple of eden')];

export const byId = (id: number | undefined) => rows.find((account) => account.id === id);

export const byEmail = (email: string) => rows.find((account) => account.email === email);

export const isPassword = ({ salt, hash }: Account, password: string) => timingSafeEqual(hash, hashOf(password, salt));
