export {};
import { Accounts, AccountsModule } from 'given';
// passkeys.ts
import { createPasskeys, memoryStore } from '@latchkey/core';
import { Global, Module } from '@nestjs/common';

export const PASSKEYS = Symbol('passkeys');

@Global()
@Module({
  imports: [AccountsModule],
  providers: [
    {
      provide: PASSKEYS,
      inject: [Accounts],
      useFactory: (accounts: Accounts) =>
        createPasskeys({
          rp: { id: 'localhost', name: 'Example', origins: ['http://localhost:3000'] },
          store: memoryStore(),
          users: { find: (id) => accounts.byId(id), create: ({ name }) => accounts.open(name) },
        }),
    },
  ],
  exports: [PASSKEYS],
})
export class PasskeysModule {}