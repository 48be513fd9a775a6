/** `latchkey passkeys`: the passkeys of one user, and how records name them. */
import { type Passkey, type Pseudonymizer, providerName } from '@latchkey/core';
import type { Command } from 'commander';
import { openStore } from '../connection.ts';
import { readIdentityKeys, refsOf } from '../identity.ts';
import { type Context, examples, jsonOption, runs, type StoreOptions, storeOptions } from '../terminal/command.ts';
import { dim, type Output, warning } from '../terminal/output.ts';

type Options = StoreOptions & { readonly user: string; readonly json?: boolean };

export function define(command: Command): void {
  command.requiredOption('--user <id>', "the application's own id of a user");
  jsonOption(storeOptions(command), 'one JSON document: { user, passkeys }').action(runs(run));
  command.addHelpText(
    'after',
    `
A record names a passkey by a reference, a pseudonym of its credential id. LATCHKEY_IDENTITY_KEY, your audit.identityKey, makes
it; without it no reference is shown.`,
  );
  examples(command, {
    'Which passkey is that in the records?': 'latchkey passkeys --user 42 --store postgres://app@db/app',
  });
}

async function run(options: Options, { out }: Context) {
  const identity = readIdentityKeys();
  const connection = await openStore(options.store, options);
  try {
    const passkeys = shownPasskeys(await connection.store.passkeys.listByUser(options.user), identity);
    out.document({ user: options.user, passkeys });
    printPasskeys(passkeys, out);
    if (passkeys.length > 0) return 'fine' as const;
    out.note(`User ${options.user} has no passkey here.`);
    return 'findings' as const;
  } finally {
    await connection.close();
  }
}

/** Passkeys as they are shown, with the references by which records name them. */
export function shownPasskeys(own: readonly Passkey[], identity: Pseudonymizer | null) {
  return own.map((passkey) => {
    const [ref = null, ...earlierRefs] = identity === null ? [] : refsOf(identity, passkey);
    return {
      id: passkey.id,
      rpId: passkey.rpId,
      nickname: passkey.nickname,
      ref,
      earlierRefs,
      provider: providerName(passkey.aaguid),
      aaguid: passkey.aaguid,
      enabled: passkey.enabled,
      createdAt: passkey.createdAt,
      lastUsedAt: passkey.lastUsedAt,
    };
  });
}

export function printPasskeys(passkeys: ReturnType<typeof shownPasskeys>, out: Output): void {
  for (const { id, nickname, ref, earlierRefs, provider, enabled, createdAt, lastUsedAt } of passkeys) {
    out.line(id, '  ', nickname, ...(enabled ? [] : ['  ', warning('disabled')]));
    out.line('  ', dim('reference  '), ref ?? 'unknown: set LATCHKEY_IDENTITY_KEY');
    for (const earlier of earlierRefs) out.line('  ', dim('earlier    '), earlier);
    if (provider !== null) out.line('  ', dim('provider   '), provider);
    out.line('  ', dim('made       '), new Date(createdAt).toISOString());
    out.line('  ', dim('last used  '), lastUsedAt === null ? 'never' : new Date(lastUsedAt).toISOString());
  }
}
