/**
 * Invitations: the right to register one passkey, for a person who cannot sign in. The server's own code issues one; the first browser
 * that opens it keeps it; the registration that stores the passkey spends it. The store holds only the token's hash.
 */
import { hash, randomBytes } from 'node:crypto';
import { type Refusal, refuse } from '../errors.ts';
import type { User } from '../options.ts';
import type { Reason } from '../record/attempt.ts';
import type { Invitation, InvitationState, Passkey } from '../store/store.ts';
import { hashBinding } from './ceremony.ts';
import type { RequestContext } from './context.ts';
import { notify } from './notify.ts';
import { passkeysOf } from './passkeys.ts';
import type { ReliableStore } from './reliable-store.ts';
import type { Services } from './services.ts';
import type { Person } from './session.ts';

/** How long after its expiry an invitation is still known, so that a record can say what became of it. In milliseconds. */
export const FORGOTTEN_AFTER_MS = 24 * 3_600_000;

/** Base32 as Crockford writes it: no letter that is read or heard as another. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** 140 random bits. */
const LETTERS = 28;

/** Seven groups of four letters, fit to be read out. */
export function newToken(): string {
  const letters = Array.from(randomBytes(LETTERS), (byte) => ALPHABET[byte % ALPHABET.length]!).join('');
  return letters.match(/.{4}/g)!.join('-');
}

/** The hash of a token as somebody typed it; null for what cannot be one. */
export function hashToken(token: string): string | null {
  const letters = token.toLowerCase().replace(/[\s-]/g, '').replaceAll('o', '0').replace(/[il]/g, '1');
  return /^[0-9a-hjkmnp-tv-z]{28}$/.test(letters) ? hash('sha256', letters, 'base64url') : null;
}

/** A person who came with an invitation. It stands for a confirmation of just now, and is no session. */
export interface Invited extends Person {
  readonly invitation: Invitation;
}

export function isInvited(person: Person | null): person is Invited {
  return person !== null && 'invitation' in person;
}

/** For options: whom the token invites. Binds the invitation to this browser, if none has opened it before. */
export async function openInvitation(
  context: RequestContext,
  { store }: Services,
  token: string,
  binding: string,
): Promise<Invited> {
  const own = hashBinding(binding);
  const invited = await invitedBy(context, store, token);
  if (invited.invitation.binding === own) return invited;
  const bound = { ...invited.invitation, binding: own };
  if (invited.invitation.binding === null && (await bindInvitation(context, store, invited.invitation, bound)))
    return { ...invited, invitation: bound };
  // Another tab of this browser, or another browser, may have been faster.
  const again = await invitedBy(context, store, token);
  if (again.invitation.binding !== own) throw turnedAway(context, 'invitation_other_browser');
  return again;
}

async function bindInvitation(
  context: RequestContext,
  store: ReliableStore,
  unbound: Invitation,
  bound: Invitation,
): Promise<boolean> {
  const { tokenHash } = unbound;
  const [from, to] = [stateOf(unbound), stateOf(bound)];
  const done = await store.invitations!.change({ tokenHash, from, to });
  // A refusal sets no cookie: a new browser would not know afterwards that it is this one.
  if (done && context.binding === null)
    context.undo.push(() => store.invitations!.change({ tokenHash, from: to, to: from }));
  return done;
}

/** For verify: whom the token invites, in the browser that opened it. */
export async function checkInvitation(context: RequestContext, { store }: Services, token: string): Promise<Invited> {
  const invited = await invitedBy(context, store, token);
  if (invited.invitation.binding !== hashBinding(context.binding))
    throw turnedAway(context, 'invitation_other_browser');
  return invited;
}

async function invitedBy(context: RequestContext, store: ReliableStore, token: string): Promise<Invited> {
  const { config, draft } = context;
  const tokenHash = hashToken(token);
  const invitation = tokenHash === null ? null : ((await store.invitations?.find({ tokenHash })) ?? null);
  // Tenants share the store, not their invitations.
  if (invitation === null || invitation.rpId !== config.rp.id) throw turnedAway(context, 'invitation_unknown');
  draft.relatedId = invitation.id;
  draft.userId = invitation.userId;
  checkOpen(context, invitation);
  const user = await config.accounts.active(invitation.userId);
  if (user === null) throw turnedAway(context, 'user_disabled');
  return { user, session: null, confirmedAt: config.now(), invitation };
}

function checkOpen(context: RequestContext, { status, expiresAt }: Invitation): void {
  if (status !== 'open') throw turnedAway(context, `invitation_${status}`);
  if (context.config.now() >= expiresAt) throw turnedAway(context, 'invitation_expired');
}

/** One answer for all that is not good, so that who guesses learns nothing; the record says which. Guesses share their records. */
function turnedAway(context: RequestContext, reason: Reason): Refusal {
  context.admitted = false;
  return reason === 'user_disabled' ? refuse(reason, { code: 'invitation_invalid' }) : refuse(reason);
}

/** Spends the invitation for this attempt's passkey. Of several attempts exactly one may go on. */
export async function spendInvitation(
  context: RequestContext,
  store: ReliableStore,
  invitation: Invitation,
): Promise<void> {
  const { tokenHash } = invitation;
  if (await store.invitations!.change({ tokenHash, from: stateOf(invitation), to: spentBy(context, invitation) }))
    return;
  const now = await store.invitations!.find({ tokenHash });
  if (now === null) throw turnedAway(context, 'invitation_unknown');
  checkOpen(context, now);
  throw turnedAway(context, 'invitation_other_browser');
}

/** Gives it back, when its passkey is not there: only what this very attempt has spent, and nobody has revoked since. */
export async function giveBackInvitation(
  context: RequestContext,
  store: ReliableStore,
  invitation: Invitation,
): Promise<void> {
  const { tokenHash } = invitation;
  await store.invitations!.change({ tokenHash, from: spentBy(context, invitation), to: stateOf(invitation) });
}

function stateOf({ status, binding, attemptId }: Invitation): InvitationState {
  return { status, binding, attemptId };
}

function spentBy({ draft }: RequestContext, { binding }: Invitation): InvitationState {
  return { status: 'used', binding, attemptId: draft.attemptId };
}

/** Removes every passkey of this user here but the new one, and ends every session: a lost device must not get in any more. */
export async function replaceOthers(
  context: RequestContext,
  { store, sessions }: Services,
  user: User,
  kept: Passkey,
): Promise<void> {
  const { config } = context;
  const others = async () => (await passkeysOf(config, store, user.id)).filter(({ id }) => id !== kept.id);
  // Until a round finds none: a request that was let in before may add one meanwhile.
  for (let left = await others(); left.length > 0; left = await others()) {
    for (const { userId, rpId, id } of left) {
      const removed = await store.passkeys.remove({ userId, rpId, id, keepLast: false });
      if (removed.status !== 'done') continue;
      const { credentialId, aaguid } = removed.passkey;
      context.events.push({ name: 'latchkey.passkey.removed', changes: { credentialId, aaguid, changedBy: 'person' } });
      notify(context, user, removed.passkey, { kind: 'passkey_removed' });
    }
  }
  if (config.sessions)
    await sessions.end(context, { userId: user.id, rpId: config.rp.id }, 'person', 'passkey_removed');
}

/**
 * Revokes a user's invitations at this relying party that are good by now, and are meant. Answers those that were open. One that was
 * just used is marked as well, and no record: if its passkey cannot be stored, it is not given back.
 */
export async function revokeInvitations(
  { config, events }: RequestContext,
  store: ReliableStore,
  userId: string,
  isMeant: (invitation: Invitation) => boolean = () => true,
): Promise<readonly Invitation[]> {
  const revoked: Invitation[] = [];
  const isGood = ({ rpId, status, expiresAt }: Invitation) =>
    rpId === config.rp.id && status !== 'revoked' && config.now() < expiresAt;
  const meant = async () =>
    (await store.invitations!.listByUser(userId)).filter((invitation) => isGood(invitation) && isMeant(invitation));
  // Until a round finds none: somebody may open or use one meanwhile.
  for (let left = await meant(); left.length > 0; left = await meant()) {
    for (const invitation of left) {
      const from = stateOf(invitation);
      const { tokenHash, id, status } = invitation;
      const done = await store.invitations!.change({ tokenHash, from, to: { ...from, status: 'revoked' } });
      if (!done || status !== 'open') continue;
      revoked.push(invitation);
      events.push({ name: 'latchkey.invitation.revoked', changes: { relatedId: id } });
    }
  }
  return revoked;
}
