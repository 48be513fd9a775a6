/**
 * Registration: a signed-in person adds a passkey, an invited one gets one, or a new one signs up with it. WebAuthn Level 3, §7.1, read from top
 * to bottom. Verify keeps the six beats of authentication.ts: take the state, parse, verify, judge by policy, store, session.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { refuse, refuseUnrecorded } from '../errors.ts';
import type { PasskeyView, User } from '../options.ts';
import type { Invitation, Passkey } from '../store/store.ts';
import type { CreationOptionsJSON } from '../webauthn/json.ts';
import { readAttestation, readAttestedData, readClientData } from '../webauthn/read.ts';
import { verifyAttestation } from '../webauthn/verify.ts';
import { bridge, HINTS } from './authentication.ts';
import { type Ceremony, checkClientData, openCeremony, takeCeremony } from './ceremony.ts';
import type { RequestContext } from './context.ts';
import { giveBackInvitation, isInvited, replaceOthers, spendInvitation } from './invitation.ts';
import { notify } from './notify.ts';
import { defaultNickname, describePasskey, descriptors, passkeysOf, type Signals, signalsFor } from './passkeys.ts';
import { judgeAttestation, judgeDevice, judgeFirstFactor, judgeFlags, judgeRecentSignIn, permit } from './policy.ts';
import type { Services } from './services.ts';
import { identifiedUser, isRecent, lastProved, type Person, requireAllowed, requireRecent } from './session.ts';

/** How long a browser may take to make a passkey without asking, in milliseconds. */
const SILENT_MS = 10_000;

/** The answer of `POST /registration/options`. */
export interface RegistrationOptionsAnswer {
  readonly attemptId: string;
  readonly mediation?: 'conditional';
  /** Milliseconds since the epoch, by this server's clock. */
  readonly expiresAt: number;
  readonly publicKey: CreationOptionsJSON;
}

/** `POST /registration/options`. */
export async function registrationOptions(
  context: RequestContext,
  { store }: Services,
  binding: string,
  registrant: Person | null,
  body: {
    nickname?: string;
    mediation?: 'conditional';
    username?: string;
    displayName?: string;
    authenticator?: keyof typeof HINTS;
    offered?: boolean;
  },
): Promise<RegistrationOptionsAnswer> {
  const { config } = context;
  permit(judgeFirstFactor(await showedFirstFactor(context, registrant), config.policy.firstFactor));
  const invitation = isInvited(registrant) ? registrant.invitation : null;
  const conditional = body.mediation === 'conditional';
  // Whoever opens an invitation is to see what it is about.
  if (conditional && invitation) throw refuse('malformed_request');
  if (conditional && !(registrant && config.policy.conditionalCreate)) {
    throw registrant ? refuse('policy_denied', { rule: 'mode' }) : refuseUnrecorded('sign_in_required');
  }
  if (registrant) await requireAllowed(context, registrant.user, 'register');
  // Nobody is asked, so the person must have shown just now that it is them at this browser.
  const provedAt = conditional ? await lastProved(context, registrant!) : null;
  if (provedAt !== null) permit(judgeRecentSignIn(isRecent(provedAt, config.policy.recentSignInMs, config.now())));
  const passkeys = registrant ? await passkeysOf(config, store, registrant.user.id) : [];
  // Before anybody is asked for anything; the store decides it at the verify, where another may have been added since.
  if (!invitation?.replacesAll && passkeys.length >= config.policy.maxPasskeys) throw refuse('credential_limit');
  const mustBeRecent = registrant !== null && passkeys.length > 0;
  if (mustBeRecent) requireRecent(registrant, config);
  const confirmedAt = mustBeRecent ? registrant.confirmedAt : provedAt;
  const account = registrant ? null : newAccount(context, body);
  const proposed = randomBytes(32);
  const handle = registrant ? await store.passkeys.keepHandle({ userId: registrant.user.id, proposed }) : proposed;
  const userHandle = Buffer.from(handle).toString('base64url');
  const nickname = body.nickname?.trim();

  const issued = await openCeremony(
    context,
    store,
    { purpose: 'registration', binding, userId: registrant?.user.id ?? null },
    {
      mode: null,
      userHandle,
      occasion: account ? 'sign_up' : conditional ? 'silent' : body.offered ? 'offered' : 'asked',
      ...(account && { account }),
      ...(nickname && { nickname }),
      ...(confirmedAt !== null && { confirmedAt }),
      ...(invitation && { invitationId: invitation.id }),
      // Chrome creates these without asking, so neither presence nor verification can be demanded. WebAuthn §5.1.3.
      ...(conditional && { conditional: true as const, userVerification: 'preferred' as const }),
    },
  );
  const { name, displayName } = registrant?.user ?? account!;
  return {
    attemptId: issued.attemptId,
    ...(conditional && { mediation: 'conditional' as const }),
    expiresAt: issued.expiresAt,
    publicKey: {
      rp: { id: config.rp.id, name: config.rp.name },
      user: { id: userHandle, name, displayName: displayName ?? name },
      challenge: issued.challenge,
      pubKeyCredParams: config.policy.algorithms.map((alg) => ({ type: 'public-key', alg })),
      // Where nobody is asked, nobody needs time: the page must not wait long before it asks.
      timeout: conditional ? Math.min(issued.timeout, SILENT_MS) : issued.timeout,
      // What will be replaced may be on this very device.
      excludeCredentials: invitation?.replacesAll ? [] : descriptors(passkeys),
      authenticatorSelection: {
        residentKey: 'required',
        requireResidentKey: true,
        userVerification: conditional ? 'preferred' : config.policy.userVerification,
        ...(body.authenticator && {
          authenticatorAttachment: body.authenticator === 'this_device' ? 'platform' : 'cross-platform',
        }),
      },
      ...(body.authenticator && { hints: [HINTS[body.authenticator]] }),
      attestation: config.policy.attestation ? 'direct' : 'none',
      extensions: { credProps: true },
    },
  };
}

/** An invitation says whose passkey it will be; where the policy wants a first factor, the application must name the same person. */
async function showedFirstFactor(context: RequestContext, registrant: Person | null): Promise<boolean> {
  if (!isInvited(registrant)) return registrant !== null;
  return (await identifiedUser(context))?.id === registrant.user.id;
}

/** The account that a sign-up would create. Whether its name is taken is not said before a passkey is verified. */
function newAccount({ config }: RequestContext, body: { username?: string; displayName?: string }) {
  if (!config.accounts.allowsSignUp) throw refuseUnrecorded('sign_in_required');
  const name = body.username?.trim();
  if (!name) throw refuse('malformed_request');
  return { name, displayName: body.displayName?.trim() || name };
}

/** The answer of `POST /registration/verify`, with what `onSignIn` added at a sign-up. */
export interface RegistrationAnswer {
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly passkey: PasskeyView;
  readonly signals: Signals;
}

/** `POST /registration/verify`. Whatever it stores is taken back when the request is refused after all. */
export async function verifyRegistration(
  context: RequestContext,
  services: Services,
  registrant: Person | null,
  body: { attemptId: string; credential: object },
): Promise<RegistrationAnswer> {
  const { config, draft } = context;
  const { store } = services;
  permit(judgeFirstFactor(await showedFirstFactor(context, registrant), config.policy.firstFactor));
  const invitation = isInvited(registrant) ? registrant.invitation : null;
  // Take the state.
  const userId = registrant?.user.id ?? null;
  const ceremony = await takeCeremony(context, store, body.attemptId, 'registration', userId);
  // Where it is answered, the sign-in must have been recent when the challenge was issued.
  const { recentSignInMs } = config.policy;
  if (ceremony.confirmedAt !== undefined && !isRecent(ceremony.confirmedAt, recentSignInMs, ceremony.issuedAt)) {
    throw refuse('challenge_mismatch');
  }
  if (ceremony.invitationId !== invitation?.id) throw refuse('challenge_mismatch');

  // Parse.
  draft.stage = 'assertion';
  const attestation = readAttestation(body.credential);
  draft.attachment = attestation.attachment;
  draft.discoverable = attestation.discoverable;
  draft.credentialId = attestation.credentialId;
  const clientData = readClientData(attestation.clientDataJSON);
  const attested = await readAttestedData(attestation.attestationObject);
  draft.aaguid = attested.aaguid;
  draft.attestationFormat = attested.format;

  // Verify. Of client data the library would check neither crossOrigin nor topOrigin here.
  checkClientData(context, ceremony, clientData, 'webauthn.create');
  const credential = await verifyAttestation(attestation, attested, {
    challenge: ceremony.challenge,
    origin: clientData.origin,
    rpId: config.rp.id,
    algorithms: config.policy.algorithms,
    statement: ceremony.requirements.includes('attestation'),
  });
  const { flags, signCount } = credential.authenticatorData;

  // Judge by policy.
  draft.stage = 'policy';
  permit(judgeFlags(flags, ceremony.userVerification, ceremony.conditional !== true));
  permit(judgeDevice(flags.backupEligible, ceremony.requirements));
  const isAccepted = config.policy.attestation?.accepts(credential) ?? false;
  permit(judgeAttestation(isAccepted, ceremony.requirements));

  // Store. Only now is there an account.
  const user = registrant
    ? await config.accounts.active(registrant.user.id)
    : await createAccount(context, ceremony.account!);
  if (!user) throw refuse('user_disabled');
  if (!(await config.accounts.allows(user, 'register'))) throw refuse('user_policy', { rule: 'user' });
  const signsIn = registrant === null || (invitation !== null && config.policy.invitations === 'sign_in');
  if (invitation && signsIn && !(await config.accounts.allows(user, 'sign_in')))
    throw refuse('user_policy', { rule: 'user' });
  draft.userId = user.id;
  const isOnlyOne = registrant === null || invitation?.replacesAll === true;
  const others = isOnlyOne || ceremony.nickname ? [] : await passkeysOf(config, store, user.id);
  const passkey: Passkey = {
    id: randomUUID(),
    userId: user.id,
    userHandle: Buffer.from(ceremony.userHandle!, 'base64url'),
    credentialId: attestation.credentialId,
    publicKey: credential.publicKey,
    algorithm: credential.algorithm,
    signCount,
    transports: attestation.transports,
    aaguid: credential.aaguid,
    backupEligible: flags.backupEligible,
    backedUp: flags.backedUp,
    attested: isAccepted,
    rpId: config.rp.id,
    nickname: ceremony.nickname ?? defaultNickname(credential.aaguid, others),
    enabled: true,
    generation: 0,
    createdAt: config.now(),
    lastUsedAt: null,
  };
  await insert(context, services, passkey, { isNewAccount: registrant === null, invitation });
  context.whenDone.push(() => notify(context, user, passkey, { kind: 'passkey_added' }));
  if (invitation) {
    const changes = { changedBy: 'person', relatedId: invitation.id } as const;
    context.whenDone.push(() => context.events.push({ name: 'latchkey.invitation.used', changes }));
    if (invitation.replacesAll) await replaceOthers(context, services, user, passkey);
  }

  // Session: a sign-up signs in, and an invitation where policy says so. Nothing asked for Immediate UI mode, so enforcement does not apply.
  draft.stage = 'session';
  const added = signsIn ? await signIn(context, services, user, passkey, flags.userVerified) : undefined;
  const passkeys = await passkeysOf(config, store, user.id);
  const current = signsIn ? passkey.id : (registrant?.session?.passkeyId ?? null);
  return {
    ...added,
    user: { id: user.id, name: user.name, displayName: user.displayName ?? user.name },
    passkey: describePasskey(passkey, current),
    signals: signalsFor(config.rp.id, user, { passkeys: passkeys.length > 0 ? passkeys : [passkey] })!,
  };
}

async function createAccount(context: RequestContext, account: NonNullable<Ceremony['account']>): Promise<User> {
  const user = await context.config.accounts.create(account);
  if (!user) throw refuse('username_unavailable');
  context.undo.push(() => context.config.accounts.undo(user));
  context.draft.userCreated = true;
  return user;
}

/**
 * Spends the invitation, where there is one, adds the passkey, and says how to take it back: it alone, or with the account all that is
 * kept of the user. An invitation comes back only after its passkey is gone.
 */
async function insert(
  context: RequestContext,
  { store }: Services,
  passkey: Passkey,
  { isNewAccount, invitation }: { isNewAccount: boolean; invitation: Invitation | null },
): Promise<void> {
  if (isNewAccount) await keepHandle(context, store, passkey);
  let mayBeThere = false;
  context.undo.push(async () => {
    try {
      await takeBack(store, passkey, { isNewAccount });
    } catch (thrown) {
      // It signs people in, so the log must not be silent about it.
      if (mayBeThere) context.events.push({ name: 'latchkey.passkey.added', changes: { changedBy: 'person' } });
      throw thrown;
    }
    if (invitation) await giveBackInvitation(context, store, invitation);
  });
  if (invitation) await spendInvitation(context, store, invitation);
  mayBeThere = true;
  const { maxPasskeys } = context.config.policy;
  const inserted = await store.passkeys.insert({
    passkey,
    // Where the others are about to go, they are not in its way.
    max: invitation?.replacesAll ? maxPasskeys + MOST_PASSKEYS : maxPasskeys,
  });
  mayBeThere = inserted === 'inserted';
  if (inserted === 'exists') throw refuse('credential_exists');
  if (inserted === 'limit') throw refuse('credential_limit');
}

/** No policy allows more: see `policy.maxPasskeys`. */
const MOST_PASSKEYS = 64;

/** Removes the passkey; of an account that was made just now also the handle, unless somebody has added a passkey to it. */
async function takeBack(
  store: Services['store'],
  { userId, rpId, id }: Passkey,
  { isNewAccount }: { isNewAccount: boolean },
): Promise<void> {
  await store.passkeys.remove({ userId, rpId, id, keepLast: false });
  if (isNewAccount && (await store.passkeys.listByUser(userId)).length === 0) await store.passkeys.forget(userId);
}

/** A new account's handle is the one its passkey was made with; an id that already has another is not a new account. */
async function keepHandle(context: RequestContext, store: Services['store'], passkey: Passkey): Promise<void> {
  const { userId, userHandle } = passkey;
  const kept = await store.passkeys.keepHandle({ userId, proposed: userHandle });
  if (!Buffer.from(kept).equals(userHandle)) {
    // It was not created just now: neither the account nor anything of it is ours to take back.
    context.undo.length = 0;
    context.draft.userCreated = false;
    throw refuse('username_unavailable');
  }
}

/** The session of a sign-up. */
async function signIn(
  context: RequestContext,
  { sessions }: Services,
  user: User,
  passkey: Passkey,
  userVerified: boolean,
): Promise<object | undefined> {
  const enforcement = 'not_applicable' as const;
  // Somebody who was invited may have shown one.
  const firstFactor = (await identifiedUser(context))?.id === user.id;
  const facts = { passkey, userVerified, enforcement, firstFactor, signedUp: true };
  const start = sessions.prepare(context, facts);
  if (start) await sessions.begin(context, start, () => sessions.write(start), Boolean);
  return bridge(context, user, passkey, { userVerified, enforcement, start });
}
