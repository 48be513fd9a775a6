/**
 * Whoever adds, changes or removes a passkey of a person waits for another who does: on databases that work for several at once,
 * by a lock on the person's row. Ten at once may come one after the other by chance; here somebody holds the row.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Passkey } from '@latchkey/core';
import { migrate, sqlStore } from '@latchkey/sql';
import { sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { atThisSpeed } from '../support/slowness.ts';
import { databases } from './support/databases.ts';

const RP = 'example.com';

/** Keeps out whoever wants the row for itself, and lets in whoever only looks whether it is there. */
const SHARED = { postgres: sql`for share`, mysql: sql`lock in share mode`, sqlite: sql`` };

describe.each(databases.filter(({ dialect }) => dialect !== 'sqlite'))('$name', ({ open, dialect }) => {
  test.each(['insert', 'update', 'remove'] as const)('%s waits for whoever holds the person', async (verb) => {
    const { db, tablePrefix, close } = await open();
    onTestFinished(close);
    await migrate(db, { tablePrefix });
    const { passkeys } = sqlStore(db, { tablePrefix });
    const userId = randomUUID();
    const [kept, another] = [passkey(userId), passkey(userId)];
    expect(await passkeys.insert({ passkey: kept, max: 2 })).toBe('inserted');
    const selected = { userId, rpId: RP, id: kept.id, keepLast: false };
    const verbs = {
      insert: () => passkeys.insert({ passkey: another, max: 2 }),
      update: () => passkeys.update({ ...selected, change: { nickname: 'Another' } }),
      remove: () => passkeys.remove(selected),
    };

    let ended = false;
    const { answer } = await db.transaction().execute(async (held) => {
      const handles = sql.table(`${tablePrefix}handles`);
      await sql`select user_id from ${handles} where user_id = ${userId} ${SHARED[dialect]}`.execute(held);
      const answer = Promise.resolve(verbs[verb]()).finally(() => {
        ended = true;
      });
      await wait(atThisSpeed(300));
      expect(ended).toBe(false);
      // In an object, so that the transaction does not wait for it.
      return { answer };
    });
    expect(await answer).toEqual(verb === 'insert' ? 'inserted' : expect.objectContaining({ status: 'done' }));
  });
});

function passkey(userId: string): Passkey {
  return {
    id: randomUUID(),
    userId,
    userHandle: new Uint8Array(Buffer.from(userId)),
    credentialId: new Uint8Array(randomBytes(32)),
    publicKey: new Uint8Array(randomBytes(77)),
    algorithm: -7,
    signCount: 0,
    transports: ['internal'],
    aaguid: '00000000-0000-0000-0000-000000000000',
    backupEligible: true,
    backedUp: true,
    attested: false,
    rpId: RP,
    nickname: 'A phone',
    enabled: true,
    generation: 0,
    createdAt: 1,
    lastUsedAt: null,
  };
}
