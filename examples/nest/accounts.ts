/** The accounts of this application, as a provider of Nest's. Yours would ask a table. */
import type { User } from '@latchkey/core';
import { Injectable, Module } from '@nestjs/common';

@Injectable()
export class Accounts {
  readonly #accounts = new Map<string, User>();

  byId(id: string): User | undefined {
    return this.#accounts.get(id);
  }

  /** A new account, or null where the name is taken. */
  open(name: string): User | null {
    if ([...this.#accounts.values()].some((account) => account.name === name)) return null;
    const account = { id: crypto.randomUUID(), name };
    this.#accounts.set(account.id, account);
    return account;
  }
}

@Module({ providers: [Accounts], exports: [Accounts] })
export class AccountsModule {}
