/**
 * Registration: a signed-in person adds a passkey, or a new one signs up with it. WebAuthn Level 3, §7.1, read from top
 * to bottom. Verify keeps the six beats of authentication.ts: take the state, parse, verify, judge by policy, store, session.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { beginSignedIn, descriptor, type Rooms } from './authentication.ts';
import type { Call, SignedIn } from './call.ts';
import { checkClientData, openCeremony, takeCeremony } from './ceremony.ts';
import type { User } from './config.ts';
import { Refusal, refuse, turnAway } from './errors.ts';
import { notify } from './notify.ts';
import { describePasskey, type PasskeyView, passkeysOf, type Signals, signalsFor } from './passkeys.ts';
import { judgeAttestation, judgeDevice, judgeFlags, permit } from './policy.ts';
import { providerName } from './providers.ts';
import { activeUser } from './session.ts';
import type { Passkey } from './store.ts';
import { inSpan } from './telemetry.ts';
import { type CreationOptionsJSON, readAttestation, readClientData, verifyAttestation } from './webauthn.ts';

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
  call: Call,
  { store, sessions }: Rooms,
  binding: string,
  registrant: Registrant | null,
  body: { nickname?: string; mediation?: 'conditional'; username?: string; displayName?: string },
): Promise<RegistrationOptionsAnswer> {
  const { config } = call;
  const conditional = body.mediation === 'conditional';
  if (conditional && !(registrant && config.policy.conditionalCreate)) {
    throw registrant ? refuse('policy_denied', { rule: 'mode' }) : turnAway('sign_in_required');
  }
  const passkeys = registrant ? await passkeysOf(config, store, registrant.user.id) : [];
  if (registrant && passkeys.length > 0) {
    const { authenticatedAt = Number.NEGATIVE_INFINITY } = registrant.user;
    sessions.requireRecent(registrant.signedIn ?? { authenticatedAt }, config);
  }
  const account = registrant ? null : newAccount(call, body);
  const proposed = randomBytes(32);
  const handle = registrant ? await store.passkeys.keepHandle(registrant.user.id, proposed) : proposed;
  const userHandle = Buffer.from(handle).toString('base64url');
  const nickname = body.nickname?.trim();

  const opened = await openCeremony(
    call,
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
    attemptId: opened.attemptId,
    ...(conditional && { mediation: 'conditional' as const }),
    expiresAt: opened.expiresAt,
    publicKey: {
      rp: { id: config.rp.id, name: config.rp.name },
      user: { id: userHandle, name, displayName },
      challenge: opened.challenge,
      pubKeyCredParams: config.policy.algorithms.map((alg) => ({ type: 'public-key', alg })),
      timeout: opened.timeout,
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
function newAccount(call: Call, body: { username?: string; displayName?: string }) {
  if (!call.config.users.create) throw turnAway('sign_in_required');
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
  call: Call,
  rooms: Rooms,
  registrant: Registrant | null,
  body: { attemptId: string; credential: object },
): Promise<{ answer: RegistrationAnswer; passkey: Passkey }> {
  const { config, facts } = call;
  const { store } = rooms;
  // Take the state.
  const ceremony = await takeCeremony(call, store, body.attemptId, 'registration', registrant?.user.id ?? null);

  // Parse.
  facts.stage = 'assertion';
  const attestation = readAttestation(body.credential);
  facts.attachment = attestation.attachment;
  facts.credentialId = attestation.credentialId;
  const clientData = readClientData(attestation.clientDataJSON);

  // Verify. Of client data the library would check neither crossOrigin nor topOrigin here.
  checkClientData(call, ceremony, clientData, 'webauthn.create');
  const credential = await inSpan('latchkey.attestation.verify', () =>
    verifyAttestation(attestation, {
      challenge: ceremony.challenge,
      origin: clientData.origin,
      rpId: config.rp.id,
      algorithms: config.policy.algorithms,
      attested: ceremony.requirements.includes('attestation'),
    }),
  );
  facts.aaguid = credential.aaguid;
  const { flags, signCount } = credential.authenticatorData;

  // Judge by policy.
  facts.stage = 'policy';
  permit(judgeFlags(flags, ceremony.userVerification, ceremony.conditional !== true));
  permit(judgeDevice(flags.backupEligible, ceremony.requirements));
  permit(judgeAttestation(config.policy.attestation?.accepts(credential) ?? false, ceremony.requirements));

  // Store. Only now is there an account, and it goes again if its passkey cannot be kept.
  const user = registrant ? await activeUser(config, registrant.user.id) : await createAccount(call, ceremony.account!);
  if (!user) throw refuse('user_disabled');
  if (!isStorable(user.id)) throw refuse('internal_error', { cause: new Error(UNSTORABLE) });
  facts.userId = user.id;
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
    if (!registrant) await keepHandle(rooms, passkey);
    const inserted = await store.passkeys.insert(passkey, config.policy.maxPasskeys);
    if (inserted === 'exists') throw refuse('credential_exists');
    if (inserted === 'limit') throw refuse('credential_limit');
  } catch (thrown) {
    // An id that already had a handle was not created just now: it is not ours to take back.
    const wasThere = thrown instanceof Refusal && thrown.reason === 'username_unavailable';
    if (!registrant && !wasThere) await config.users.undo?.(user);
    throw thrown;
  }

  notify(call, user, passkey, { kind: 'passkey_added' });

  // Session: a sign-up signs in. Nothing asked for Immediate UI mode, so enforcement does not apply.
  facts.stage = 'session';
  const how = { userVerified: flags.userVerified, enforcement: 'not_applicable' as const };
  const added = registrant ? undefined : await beginSignedIn(call, rooms, user, passkey, null, how);
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

async function createAccount(call: Call, account: { name: string; displayName: string }): Promise<User> {
  const user = await call.config.users.create!(account);
  if (!user) throw refuse('username_unavailable');
  return user;
}

/** A new account's handle is the one its passkey was made with; an id that already has another is not a new account. */
async function keepHandle({ store }: Rooms, passkey: Passkey): Promise<void> {
  const kept = await store.passkeys.keepHandle(passkey.userId, passkey.userHandle);
  if (!Buffer.from(kept).equals(passkey.userHandle)) throw refuse('username_unavailable');
}
