/** Checks with which identity keys recent records were made: none, one, or several that differ between processes. */
import type { AttemptStore } from '@latchkey/core';
import { newestFirst } from '../attempts/source.ts';
import { EPHEMERAL, keyCounter, readIdentityKey } from '../identity.ts';
import { about, type Finding } from './finding.ts';

/** How many of the newest records are looked at. */
const LOOKED_AT = 1_000;

export async function checkIdentityKey(attempts: AttemptStore): Promise<Finding> {
  const { ok, warning } = about('identity_key');
  const keys = keyCounter();
  let read = 0;
  for await (const record of newestFirst(attempts, {})) {
    keys.add(record);
    read += 1;
    if (read === LOOKED_AT) break;
  }
  const counts = keys.counts();
  const given = readIdentityKey();
  if (counts.size === 0) return ok('No record here names a passkey yet, so that none is named by a wrong key');
  if (counts.has(EPHEMERAL)) {
    return warning(
      `${counts.get(EPHEMERAL)} of the newest ${read} records name their passkey by a key that was made at the start of a process`,
      'Set audit.identityKey, the same in every process: without it a passkey has another name in the records after each start.',
    );
  }
  const ids = [...counts.keys()];
  if (counts.size > 1) {
    return warning(
      `The newest ${read} records name their passkeys by ${counts.size} identity keys: ${ids.slice(0, 5).join(', ')}`,
      'Give every process the same audit.identityKey. If you have changed it on purpose, records before and after name one passkey differently.',
    );
  }
  if (given !== null && !counts.has(given.keyId)) {
    return warning(
      `Records were made with the identity key ${ids[0]}, and LATCHKEY_IDENTITY_KEY is the key ${given.keyId}`,
      'Set LATCHKEY_IDENTITY_KEY to the audit.identityKey of the application.',
    );
  }
  return ok(`Records name passkeys by one identity key, ${ids[0]}`);
}
