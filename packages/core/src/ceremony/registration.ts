/**
 * Registration: a signed-in person adds a passkey, or a new one signs up with it. WebAuthn Level 3, §7.1, read from top
 * to bottom. Verify keeps the six beats of authentication.ts: take the state, parse, verify, judge by policy, store, session.
 */

import { randomBytes, randomUUID } from 'node:crypto';
import type { SignedIn } from '../adapter.ts';
import { Refusal, refuse, refuseUnrecorded } from '../errors.ts';
import type { PasskeyView, User } from '../options.ts';
import { inSpan } from '../signals/telemetry.ts';
import type { Passkey } from '../store/store.ts';
import type { CreationOptionsJSON } from '../webauthn/json.ts';
import { providerName } from '../webauthn/providers.ts';
import { readAttestation, readClientData } from '../webauthn/read.ts';
import { verifyAttestation } from '../webauthn/verify.ts';
import { checkClientData, openCeremony, takeCeremony } from './ceremony.ts';
import type { RequestContext } from './context.ts';
import { notify } from './notify.ts';
import { describePasskey, descriptor, passkeysOf, type Signals, signalsFor } from './passkeys.ts';
import { judgeAttestation, judgeDevice, judgeFlags, permit } from './policy.ts';
import type { Services } from './services.ts';
import { activeUser, beginSignedIn } from './session.ts';

export interface RegistrationOptionsAnswer {
  readonly attemptId: string;
  readonly mediation?: 'conditional';
  readonly expiresAt: number;
  readonly publicKey: CreationOptionsJSON;
}

/** Who is there, before a registration: signed in with a passkey, known to the application in its own way, or nobody. */
export interface Registrant {
  readonly user: User & { readonly authenticatedAt?: number };
  readonly signedIn: SignedIn | null;
}

/** `POST /registration/options`. */
export async function registrationOptions(
  context: RequestContext,
  { store, sessions }: Services,
  binding: string,
  registrant: Registrant | null,
  body: { nickname?: string; mediation?: 'conditional'; username?: string; displayName?: string },
): Promise<RegistrationOptionsAnswer> {
  const { config } = context;
  const conditional = body.mediation === 'conditional';
  if (conditional && !(registrant && config.policy.conditionalCreate)) {
    throw registrant ? refuse('policy_denied', { rule: 'mode' }) : refuseUnrecorded('sign_in_required');
  }
  const passkeys = registrant ? await passkeysOf(config, store, registrant.user.id) : [];
  if (registrant && passkeys.length > 0) {
    const { authenticatedAt = Number.NEGATIVE_INFINITY } = registrant.user;
    sessions.requireRecent(registrant.signedIn ?? { authenticatedAt }, config);
  }
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
      ...(account && { account }),
      ...(nickname && { nickname }),
      // Chrome creates these without asking, so neither presence nor verification can be demanded. WebAuthn §5.1.3.
      ...(conditional && { conditional: true as const, userVerification: 'preferred' as const }),
    },
  );
  const { name, displayName = name } = registrant?.user ?? account!;
  return {
    attemptId: issued.attemptId,
    ...(conditional && { mediation: 'conditional' as const }),
    expiresAt: issued.expiresAt,
    publicKey: {
      rp: { id: config.rp.id, name: config.rp.name },
      user: { id: userHandle, name, displayName },
      challenge: issued.challenge,
      pubKeyCredParams: config.policy.algorithms.map((alg) => ({ type: 'public-key', alg })),
      timeout: issued.timeout,
      excludeCredentials: passkeys.map(descriptor),
      authenticatorSelection: {
        residentKey: 'required',
        requireResidentKey: true,
        userVerification: conditional ? 'preferred' : config.policy.userVerification,
      },
      attestation: config.policy.attestation ? 'direct' : 'none',
    },
  };
}

/** The account a sign-up would create. Whether its name is taken is not said before a passkey is verified. */
function newAccount(context: RequestContext, body: { username?: string; displayName?: string }) {
  if (!context.config.users.create) throw refuseUnrecorded('sign_in_required');
  const name = body.username?.trim();
  if (!name) throw refuse('malformed_request');
  return { name, displayName: body.displayName?.trim() || name };
}

export interface RegistrationAnswer {
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly passkey: PasskeyView;
  readonly signals: Signals;
}

/** `POST /registration/verify`. */
export async function verifyRegistration(
  context: RequestContext,
  services: Services,
  registrant: Registrant | null,
  body: { attemptId: string; credential: object },
): Promise<{ answer: RegistrationAnswer; passkey: Passkey }> {
  const { config, draft } = context;
  const { store } = services;
  // Take the state.
  const ceremony = await takeCeremony(context, store, body.attemptId, 'registration', registrant?.user.id ?? null);

  // Parse.
  draft.stage = 'assertion';
  const attestation = readAttestation(body.credential);
  draft.attachment = attestation.attachment;
  draft.credentialId = attestation.credentialId;
  const clientData = readClientData(attestation.clientDataJSON);

  // Verify. Of client data the library would check neither crossOrigin nor topOrigin here.
  checkClientData(context, ceremony, clientData, 'webauthn.create');
  const credential = await inSpan('latchkey.attestation.verify', () =>
    verifyAttestation(attestation, {
      challenge: ceremony.challenge,
      origin: clientData.origin,
      rpId: config.rp.id,
      algorithms: config.policy.algorithms,
      attested: ceremony.requirements.includes('attestation'),
    }),
  );
  draft.aaguid = credential.aaguid;
  const { flags, signCount } = credential.authenticatorData;

  // Judge by policy.
  draft.stage = 'policy';
  permit(judgeFlags(flags, ceremony.userVerification, ceremony.conditional !== true));
  permit(judgeDevice(flags.backupEligible, ceremony.requirements));
  permit(judgeAttestation(config.policy.attestation?.accepts(credential) ?? false, ceremony.requirements));

  // Store. Only now is there an account, and it goes again if its passkey cannot be kept.
  const user = registrant
    ? await activeUser(config, registrant.user.id)
    : await createAccount(context, ceremony.account!);
  if (!user) throw refuse('user_disabled');
  if (!isStorable(user.id)) throw refuse('internal_error', { cause: new Error(UNSTORABLE) });
  draft.userId = user.id;
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
    rpId: config.rp.id,
    nickname: ceremony.nickname ?? providerName(credential.aaguid) ?? 'Passkey',
    enabled: true,
    generation: 0,
    createdAt: config.now(),
    lastUsedAt: null,
  };
  try {
    if (!registrant) await keepHandle(services, passkey);
    const inserted = await store.passkeys.insert({ passkey, max: config.policy.maxPasskeys });
    if (inserted === 'exists') throw refuse('credential_exists');
    if (inserted === 'limit') throw refuse('credential_limit');
  } catch (thrown) {
    // An id that already had a handle was not created just now: it is not ours to take back.
    const wasThere = thrown instanceof Refusal && thrown.reason === 'username_unavailable';
    if (!registrant && !wasThere) await config.users.undo?.(user);
    throw thrown;
  }

  notify(context, user, passkey, { kind: 'passkey_added' });

  // Session: a sign-up signs in. Nothing asked for Immediate UI mode, so enforcement does not apply.
  draft.stage = 'session';
  const how = { userVerified: flags.userVerified, enforcement: 'not_applicable' as const };
  const added = registrant ? undefined : await beginSignedIn(context, services.sessions, user, passkey, null, how);
  const passkeys = await passkeysOf(config, store, user.id);
  const current = registrant ? (registrant.signedIn?.passkeyId ?? null) : passkey.id;
  return {
    answer: {
      ...added,
      user: { id: user.id, name: user.name, displayName: user.displayName ?? user.name },
      passkey: describePasskey(passkey, current),
      signals: signalsFor(config.rp.id, user, passkeys.length > 0 ? passkeys : [passkey])!,
    },
    passkey,
  };
}

const UNSTORABLE =
  'users: an id must be 1 to 255 characters of well-formed text without NUL, or not every store can keep it';

function isStorable(id: string): boolean {
  return id.length >= 1 && id.length <= 255 && !id.includes('\0') && id.isWellFormed();
}

async function createAccount(context: RequestContext, account: { name: string; displayName: string }): Promise<User> {
  const user = await context.config.users.create!(account);
  if (!user) throw refuse('username_unavailable');
  return user;
}

/** A new account's handle is the one its passkey was made with; an id that already has another is not a new account. */
async function keepHandle({ store }: Services, passkey: Passkey): Promise<void> {
  const kept = await store.passkeys.keepHandle({ userId: passkey.userId, proposed: passkey.userHandle });
  if (!Buffer.from(kept).equals(passkey.userHandle)) throw refuse('username_unavailable');
}
