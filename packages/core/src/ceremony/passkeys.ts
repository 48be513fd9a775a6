/** A person's own passkeys: list, rename, enable, disable, remove; and the signals that keep password managers in step. */

import type { SignedIn } from '../adapter.ts';
import type { Config } from '../config/config.ts';
import { refuseUnrecorded } from '../errors.ts';
import type { PasskeyView, User } from '../options.ts';
import type { EventName } from '../record/attempt.ts';
import type { Passkey, PasskeyChange, PasskeyChangeResult, PasskeySelection } from '../store/store.ts';
import type { DescriptorJSON } from '../webauthn/json.ts';
import { providerName } from '../webauthn/providers.ts';
import type { ReliableStore } from './reliable-store.ts';

/** How a stored passkey is named to a browser. */
export function descriptor(passkey: Passkey): DescriptorJSON {
  const id = Buffer.from(passkey.credentialId).toString('base64url');
  return { type: 'public-key', id, ...(passkey.transports.length > 0 && { transports: passkey.transports }) };
}

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

/** Disabled passkeys stay listed, or password managers would hide them for good. Null for a user without a passkey. */
export function signalsFor(rpId: string, user: User, passkeys: readonly Passkey[]): Signals | null {
  // One that was moved here may have a handle that nobody knows.
  const first = passkeys.find(({ userHandle }) => userHandle.length > 0) ?? passkeys[0];
  if (!first) return null;
  const userId = Buffer.from(first.userHandle).toString('base64url');
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
  session: SignedIn & { readonly user: User },
  id: string,
  change: PasskeyChange,
): Promise<{ passkey: Passkey; event: EventName; switched: boolean }> {
  const { passkey, wasEnabled } = done(
    await store.passkeys.update({ ...(await selection(config, session, id)), change }),
  );
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
  session: SignedIn & { readonly user: User },
  id: string,
): Promise<Passkey> {
  return done(await store.passkeys.remove(await selection(config, session, id))).passkey;
}

/** This person's passkey, at this relying party; not the last one, unless the application says that there is another way in. */
async function selection(
  config: Config,
  { userId, user }: { userId: string; user: User },
  id: string,
): Promise<PasskeySelection> {
  return { userId, rpId: config.rp.id, id, keepLast: !(await (config.users.hasOtherWayIn?.(user) ?? false)) };
}

function done(changed: PasskeyChangeResult): PasskeyChangeResult & { readonly status: 'done' } {
  if (changed.status === 'done') return changed;
  throw refuseUnrecorded(changed.status === 'last' ? 'last_passkey' : 'not_found');
}
