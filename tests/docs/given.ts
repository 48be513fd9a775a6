/** What the servers' blocks of the documentation may take as given. They are compiled, never run: only the types count. */
import type { KeyObject } from 'node:crypto';
import type { Passkeys, RelyingParty, Store, User, Users } from '@latchkey/core';
import type { PublicKeyCredentialCreationOptionsJSON } from '@latchkey/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Express as ExpressApp } from 'express';
import type { Redis } from 'ioredis';
import type { Kysely } from 'kysely';

export type { PolicyOptions } from '@latchkey/core';
export { createPasskeys } from '@latchkey/core';

/** An application's own. */
export declare const rp: RelyingParty;
export declare const users: Users;
export declare const store: Store;
export declare const db: Kysely<unknown>;
export declare const redis: Redis;
export declare const expressApp: ExpressApp;

/** A test's. */
export declare const origin: string;
export declare const aaguid: string;
export declare const creationOptions: PublicKeyCredentialCreationOptionsJSON;
export declare const privateKey: KeyObject;
export declare const certificates: Uint8Array[];
export { expressPasskeys } from '@latchkey/express';
export declare const passkeys: Passkeys;

/** An application's table of accounts. */
interface Account extends User {
  readonly hasPassword: boolean;
}
export declare const table: {
  byId(id: string | undefined): Promise<Account | null>;
  byPassword(name: string, password: string): Promise<Account | null>;
  insertUnlessTaken(account: User): Promise<Account | null>;
  remove(id: string): Promise<void>;
};

declare global {
  namespace Express {
    interface Request {
      /** As @types/passport has it. */
      user?: unknown;
    }
  }
}

/** The same with numbers for ids, and passwords. */
export declare const rows: {
  byId(id: number): Promise<{ id: number; email: string; passwordHash: string } | undefined>;
};
export declare const isPasswordOf: (id: number, password: string) => Promise<boolean>;

/** A provider of an application on Nest, and its module. */
export declare class Accounts {
  byId(id: string): User | undefined;
  open(name: string): User | null;
}
export declare class AccountsModule {}
export declare const nestFastify: NestFastifyApplication;
