/** Checks with which identity keys recent records were made: none, one, or several that differ between processes. */
import type { AttemptStore } from '@latchkey/core';
import { newestFirst } from '../attempts/source.ts';
import { EPHEMERAL, keyCounter, readIdentityKeys } from '../identity.ts';
import { about, type Finding } from './finding.ts';

/** How many of the newest records are looked at. */
const LOOKED_AT = 1_000;

export async function checkIdentityKey(attempts: AttemptStore): Promise<Finding> {
  const { ok, warning } = about('identity_key');
  const keys = keyCounter();
  let read = 0;
  for await (const record of newestFirst(attempts, {})) {
    keys.add(record.credential.ref);
    read += 1;
    if (read === LOOKED_AT) break;
  }
  const counts = keys.counts();
  // Keys in the order in which they were met: that of the newest record first.
  const [newest, ...older] = counts.keys();
  const given = readIdentityKeys();
  if (newest === undefined) return ok('No record here names a passkey yet, so that none is named by a wrong key');
  const ephemeral = [...counts].filter(([id]) => id.startsWith(EPHEMERAL)).reduce((sum, [, count]) => sum + count, 0);
  if (ephemeral > 0) {
    return warning(
      `${ephemeral} of the newest ${read} records name their passkey by a key that was made at the start of a process`,
      'Set audit.identityKey, the same in every process: without it a passkey has another name in the records after each start.',
    );
  }
  if (older.some((id) => given === null || !given.keyIds.includes(id))) {
    return warning(
      `The newest ${read} records name their passkeys by ${counts.size} identity keys: ${[newest, ...older].slice(0, 5).join(', ')}`,
      'Give every process the same audit.identityKey. If you have changed it on purpose, set LATCHKEY_EARLIER_IDENTITY_KEYS to the one before: else records before and after name one passkey differently.',
    );
  }
  if (given !== null && newest !== given.keyId) {
    return warning(
      `The newest records were made with the identity key ${newest}, and LATCHKEY_IDENTITY_KEY is the key ${given.keyId}`,
      'Set LATCHKEY_IDENTITY_KEY to the audit.identityKey of the application, which every process has.',
    );
  }
  if (older.length === 0) return ok(`Records name passkeys by one identity key, ${newest}`);
  return ok(
    `Records name passkeys by the identity key ${newest}, and older ones by ${older.join(', ')}, which is given`,
  );
}
