/** A person's own passkeys: list, rename, enable, disable, remove; and the signals that keep password managers in step. */

import type { Config } from '../config/config.ts';
import { refuseUnrecorded } from '../errors.ts';
import type { PasskeyView, User } from '../options.ts';
import type { EventName } from '../record/attempt.ts';
import type { Passkey, PasskeyChange, PasskeyChangeResult, PasskeySelection } from '../store/store.ts';
import type { DescriptorJSON } from '../webauthn/json.ts';
import { providerName } from '../webauthn/providers.ts';
import type { ReliableStore } from './reliable-store.ts';
import type { Person } from './session.ts';

/** How many passkeys a browser takes in one list: Chromium throws for more. */
const MOST_LISTED = 64;

/** How stored passkeys are named to a browser: at most 64, those used last first. */
export function descriptors(passkeys: readonly Passkey[]): readonly DescriptorJSON[] {
  const used = ({ lastUsedAt, createdAt }: Passkey) => lastUsedAt ?? createdAt;
  const listed = [...passkeys].sort((a, b) => used(b) - used(a)).slice(0, MOST_LISTED);
  return listed.map(({ credentialId, backupEligible, transports }) => ({
    type: 'public-key',
    id: Buffer.from(credentialId).toString('base64url'),
    // A passkey that syncs is reached in other ways on other devices than on the one that registered it: none are named.
    ...(backupEligible === false && transports.length > 0 && { transports }),
  }));
}

/** What a passkey is called that its owner gave no name: after its provider, and not as another one of theirs. */
export function defaultNickname(aaguid: string, others: readonly Passkey[]): string {
  const name = providerName(aaguid) ?? 'Passkey';
  const taken = new Set(others.map(({ nickname }) => nickname));
  let nickname = name;
  for (let number = 2; taken.has(nickname); number += 1) nickname = `${name} ${number}`;
  return nickname;
}

/** A passkey as its owner sees it. `currentId`: the passkey that the session was made with. */
export function describePasskey(passkey: Passkey, currentId: string | null): PasskeyView {
  return {
    id: passkey.id,
    nickname: passkey.nickname,
    provider: providerName(passkey.aaguid),
    createdAt: passkey.createdAt,
    lastUsedAt: passkey.lastUsedAt,
    enabled: passkey.enabled,
    backedUp: passkey.backedUp,
    deviceBound: passkey.backupEligible === false,
    transports: passkey.transports,
    current: passkey.id === currentId,
  };
}

/** The arguments of the browser's Signal API, WebAuthn §5.1.10. Bytes as base64url. */
export interface Signals {
  readonly allAcceptedCredentials: {
    readonly rpId: string;
    readonly userId: string;
    readonly allAcceptedCredentialIds: readonly string[];
  };
  readonly currentUserDetails: {
    readonly rpId: string;
    readonly userId: string;
    readonly name: string;
    readonly displayName: string;
  };
}

/**
 * Disabled passkeys stay listed; otherwise password managers would hide them for good. `userHandle`: the handle, where no
 * passkey is left to tell it. Null where nothing tells it.
 */
export function signalsFor(
  rpId: string,
  user: User,
  { passkeys, userHandle }: { passkeys: readonly Passkey[]; userHandle?: Uint8Array },
): Signals | null {
  // A passkey that was moved here may have a handle that nobody knows.
  const handle =
    passkeys.find((passkey) => passkey.userHandle.length > 0)?.userHandle ?? userHandle ?? passkeys[0]?.userHandle;
  if (handle === undefined) return null;
  const userId = Buffer.from(handle).toString('base64url');
  return {
    allAcceptedCredentials: {
      rpId,
      userId,
      allAcceptedCredentialIds: passkeys.map(({ credentialId }) => Buffer.from(credentialId).toString('base64url')),
    },
    currentUserDetails: { rpId, userId, name: user.name, displayName: user.displayName ?? user.name },
  };
}

/** A user's passkeys at this relying party, oldest first. */
export async function passkeysOf(config: Config, store: ReliableStore, userId: string): Promise<Passkey[]> {
  return (await store.passkeys.listByUser(userId)).filter(({ rpId }) => rpId === config.rp.id);
}

/** `PATCH /credentials/:id`. `switched`: it is enabled or disabled now and was not before; of several at once, one is told so. */
export async function changePasskey(
  config: Config,
  store: ReliableStore,
  { user }: Person,
  id: string,
  change: PasskeyChange,
): Promise<{ passkey: Passkey; event: EventName; switched: boolean }> {
  const { passkey, wasEnabled } = done(await store.passkeys.update({ ...(await selection(config, user, id)), change }));
  const event =
    change.enabled === undefined
      ? 'latchkey.passkey.renamed'
      : change.enabled
        ? 'latchkey.passkey.enabled'
        : 'latchkey.passkey.disabled';
  return { passkey, event, switched: passkey.enabled !== wasEnabled };
}

/** `DELETE /credentials/:id`. */
export async function removePasskey(
  config: Config,
  store: ReliableStore,
  { user }: Person,
  id: string,
): Promise<Passkey> {
  return done(await store.passkeys.remove(await selection(config, user, id))).passkey;
}

/** This person's passkey, at this relying party; not the last one, unless the application says that there is another way in. */
async function selection(config: Config, user: User, id: string): Promise<PasskeySelection> {
  return { userId: user.id, rpId: config.rp.id, id, keepLast: !(await config.accounts.hasOtherWayIn(user)) };
}

function done(changed: PasskeyChangeResult): PasskeyChangeResult & { readonly status: 'done' } {
  if (changed.status === 'done') return changed;
  throw refuseUnrecorded(changed.status === 'last' ? 'last_passkey' : 'not_found');
}
