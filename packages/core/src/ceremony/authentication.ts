/**
 * Sign-in and step-up: the same ceremony with another purpose. WebAuthn Level 3, §7.2, read from top to bottom.
 * Verify keeps six beats in this order: take the state, parse, verify, judge by policy, store, session.
 */

import { generateKeyPairSync } from 'node:crypto';
import type { SignedIn } from '../adapter.ts';
import { refuse } from '../errors.ts';
import type { PasskeyView, User } from '../options.ts';
import type { SignInMode } from '../record/attempt.ts';
import { enforcementOf } from '../record/conclude.ts';
import type { Flags } from '../record/draft.ts';
import { readClientReport } from '../record/enforcement.ts';
import { inSpan } from '../signals/telemetry.ts';
import type { Passkey } from '../store/store.ts';
import type { DescriptorJSON, RequestOptionsJSON } from '../webauthn/json.ts';
import {
  type Assertion,
  type AuthenticatorData,
  readAssertion,
  readAuthenticatorData,
  readClientData,
} from '../webauthn/read.ts';
import { isBackupStateValid, isForRelyingParty, isSignatureValid } from '../webauthn/verify.ts';
import { type Ceremony, checkClientData, type IssuedChallenge, openCeremony, takeCeremony } from './ceremony.ts';
import type { RequestContext } from './context.ts';
import { canonicalName, decoys } from './decoys.ts';
import { notify } from './notify.ts';
import { describePasskey, descriptor, passkeysOf, type Signals, signalsFor } from './passkeys.ts';
import {
  allowedModes,
  compareSignCount,
  defaultMode,
  judgeDevice,
  judgeEnforcement,
  judgeFlags,
  judgeSignCount,
  permit,
} from './policy.ts';
import type { ReliableStore } from './reliable-store.ts';
import type { Services } from './services.ts';
import { activeUser, beginSignedIn, identifiedUser, type Sessions } from './session.ts';

type Purpose = 'sign_in' | 'step_up';

export interface SignInOptionsAnswer {
  readonly attemptId: string;
  readonly mode: SignInMode;
  readonly uiMode?: 'immediate';
  readonly mediation?: 'conditional';
  readonly expiresAt: number;
  readonly publicKey: RequestOptionsJSON;
}

/** `POST /authentication/options`. */
export async function signInOptions(
  context: RequestContext,
  { store }: Services,
  binding: string,
  body: { mode?: SignInMode; identifier?: string; client?: unknown; prefetch?: true },
): Promise<SignInOptionsAnswer> {
  const { policy } = context.config;
  const mode = body.mode ?? defaultMode(policy, readClientReport(body.client).immediateGet);
  context.draft.mode = mode;
  if (!allowedModes(policy).includes(mode)) {
    const reason = policy.immediateMediation === 'require' ? 'immediate_not_requested' : 'policy_denied';
    throw refuse(reason, { code: 'mode_not_allowed', rule: 'mode' });
  }
  const first = await identifiedUser(context);
  if (first) context.draft.userId = first.id;
  // Only a modal sign-in may name its user. Immediate and conditional ones are for whatever passkey is there.
  const named = mode === 'modal' ? await offer(context, store, first, body.identifier) : undefined;
  const issued = await openCeremony(
    context,
    store,
    { purpose: 'sign_in', binding, userId: first?.id ?? null, prefetch: body.prefetch === true },
    {
      mode,
      ...(named && { offered: named.credentials.map(({ id }) => id) }),
      ...(first ? { namedUserId: first.id } : named?.userId !== undefined && { namedUserId: named.userId }),
    },
  );
  return {
    attemptId: issued.attemptId,
    mode,
    ...(mode === 'immediate' && { uiMode: 'immediate' as const }),
    ...(mode === 'conditional' && { mediation: 'conditional' as const }),
    expiresAt: issued.expiresAt,
    publicKey: requestOptions(context, issued, named?.credentials ?? []),
  };
}

/** The passkeys of a named user, or look-alikes: whether somebody has an account here is nobody's business. */
async function offer(
  context: RequestContext,
  store: ReliableStore,
  first: User | null,
  identifier: string | undefined,
) {
  // Somebody the application knows already is told the truth about their own passkeys.
  if (first) {
    const own = (await passkeysOf(context.config, store, first.id)).filter(({ enabled }) => enabled);
    return { userId: first.id, credentials: own.map(descriptor) };
  }
  if (identifier === undefined) return undefined;
  const user = await context.config.users.findByName?.(identifier);
  // The same work for a name that nobody has.
  const passkeys = await passkeysOf(context.config, store, user?.id ?? identifier);
  const usable = passkeys.filter(({ enabled }) => enabled);
  if (!user || usable.length === 0) {
    return { credentials: decoys(context.config.identityKey.key, canonicalName(context.config.users, identifier)) };
  }
  return { userId: user.id, credentials: usable.map(descriptor) };
}

/** `POST /step-up/options`: the signed-in user once more, with that user's passkeys only, modal under every policy. */
export async function stepUpOptions(
  context: RequestContext,
  { store }: Services,
  binding: string,
  signedIn: SignedIn,
  body: { action?: string },
): Promise<SignInOptionsAnswer> {
  const passkeys = (await passkeysOf(context.config, store, signedIn.userId)).filter(({ enabled }) => enabled);
  const credentials = passkeys.map(descriptor);
  const issued = await openCeremony(
    context,
    store,
    { purpose: 'step_up', binding, userId: signedIn.userId },
    {
      mode: 'modal',
      namedUserId: signedIn.userId,
      offered: credentials.map(({ id }) => id),
      ...(body.action !== undefined && { action: body.action }),
    },
  );
  return {
    attemptId: issued.attemptId,
    mode: 'modal',
    expiresAt: issued.expiresAt,
    publicKey: requestOptions(context, issued, credentials),
  };
}

export interface SignInAnswer {
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly passkey: PasskeyView;
  readonly attempt: { readonly id: string; readonly mode: SignInMode; readonly enforcement: string };
  readonly signals: Signals;
}

/** `POST /authentication/verify`. */
export async function verifySignIn(
  context: RequestContext,
  services: Services,
  body: { attemptId: string; credential: object },
): Promise<SignInAnswer> {
  const first = await identifiedUser(context);
  const known = first?.id ?? null;
  const { passkey, siblings, user, flags, ceremony } = await verifyAssertion(context, services, 'sign_in', known, body);
  const { enforcement } = enforcementOf(context.draft);

  const added = await beginSignedIn(context, services.sessions, user, passkey, known, {
    userVerified: flags.userVerified,
    enforcement,
  });
  return {
    ...added,
    user: { id: user.id, name: user.name, displayName: user.displayName ?? user.name },
    passkey: describePasskey(passkey, passkey.id),
    attempt: { id: context.draft.attemptId, mode: ceremony.mode!, enforcement },
    signals: signalsFor(context.config.rp.id, user, [passkey, ...siblings])!,
  };
}

/** `POST /step-up/verify`. */
export async function verifyStepUp(
  context: RequestContext,
  services: Services,
  signedIn: SignedIn,
  body: { attemptId: string; credential: object },
): Promise<{ steppedUpAt: number; expiresAt: number; action?: string }> {
  const { ceremony } = await verifyAssertion(context, services, 'step_up', signedIn.userId, body);
  const action = ceremony.action ?? null;
  const steppedUpAt = await inSpan('latchkey.session.write', () => services.sessions.stepUp(context, signedIn, action));
  return {
    steppedUpAt,
    expiresAt: steppedUpAt + context.config.policy.recentSignInMs,
    ...(action !== null && { action }),
  };
}

interface VerifiedAssertion {
  readonly ceremony: Ceremony;
  readonly passkey: Passkey;
  readonly siblings: readonly Passkey[];
  readonly user: User;
  readonly flags: Flags;
}

async function verifyAssertion(
  context: RequestContext,
  { store, sessions }: Pick<Services, 'store' | 'sessions'>,
  purpose: Purpose,
  userId: string | null,
  body: { attemptId: string; credential: object },
): Promise<VerifiedAssertion> {
  const { config, draft } = context;
  // Take the state. From here on this challenge is spent, whatever comes next. The passkey that is said to answer is looked
  // up at the same time, which saves a store across a network one round trip; what comes of it is asked only afterwards.
  const taking = takeCeremony(context, store, body.attemptId, purpose, userId);
  const lookingUp = lookUp(store, body.credential);
  lookingUp.catch(() => {});
  const ceremony = await taking;

  // Parse.
  draft.stage = 'assertion';
  const { assertion, found } = await lookingUp;
  draft.attachment = assertion.attachment;
  draft.credentialId = assertion.credentialId;
  const clientData = readClientData(assertion.clientDataJSON);
  const data = readAuthenticatorData(assertion.authenticatorData);

  // Verify: the answer is to this challenge, for us, from us, by a passkey we know, and it is signed.
  checkClientData(context, ceremony, clientData, 'webauthn.get');
  if (!isForRelyingParty(data, config.rp.id)) throw refuse('rp_id_hash_mismatch');
  const { passkey, siblings, signed } = await judgePasskey(context, ceremony, assertion, found);
  draft.signature = signed ? 'valid' : 'invalid';
  if (!signed) throw refuse('signature_invalid');
  // Only now are the flags and the counter somebody's word, and only now is the application asked about its user.
  draft.flags = data.flags;
  const user = await activeUser(config, passkey.userId);
  if (!user) throw refuse('user_disabled');

  // Judge by policy.
  draft.stage = 'policy';
  permit(judgeFlags(data.flags, ceremony.userVerification));
  if (!isBackupStateValid(data.flags, passkey)) throw refuse('backup_state_invalid');
  permit(judgeDevice(data.flags.backupEligible, ceremony.requirements));
  const { enforcement } = enforcementOf(draft);
  permit(judgeEnforcement(ceremony.immediateMediation, enforcement, draft.clientReport));

  // Store.
  const used = await storeUse(context, { store, sessions }, purpose, user, passkey, data);
  draft.stage = 'session';
  return { ceremony, passkey: used, siblings, user, flags: data.flags };
}

/** An answer, read, and the passkeys of whoever has the one that is said to have given it. */
async function lookUp(store: ReliableStore, credential: object) {
  const assertion = readAssertion(credential);
  return { assertion, found: await store.passkeys.find(assertion) };
}

/** The passkey that is said to have answered, whether it signed, and its owner's others. WebAuthn §7.2 steps 5, 6 and 21. */
async function judgePasskey(
  context: RequestContext,
  ceremony: Ceremony,
  assertion: Assertion,
  found: readonly Passkey[],
) {
  const { credentialId, userHandle } = assertion;
  const [passkey, ...siblings] = found;
  // Checked first, judged last, and checked for a passkey that is nobody's too: how long a refusal takes tells nobody who
  // has an account here.
  const { publicKey } = passkey ?? { publicKey: NOBODYS_KEY };
  const signed = await inSpan('latchkey.signature.verify', () => isSignatureValid(assertion, publicKey));
  if (ceremony.offered && !ceremony.offered.includes(credentialId.toString('base64url'))) {
    throw refuse('credential_not_allowed');
  }
  // The store found it by id; that the ids are equal byte for byte is ours to demand.
  if (!passkey || !credentialId.equals(passkey.credentialId)) throw refuse('credential_unknown');
  context.draft.aaguid = passkey.aaguid;
  context.draft.userId = passkey.userId;
  if (passkey.rpId !== context.config.rp.id) throw refuse('credential_not_allowed');
  if (!passkey.enabled) throw refuse('credential_disabled');
  if (ceremony.namedUserId !== undefined && ceremony.namedUserId !== passkey.userId) {
    throw refuse('credential_not_allowed');
  }
  // Unsigned, so it proves nothing; but a browser that was named nobody must say whose passkey it used, and truly.
  const handleMayBeMissing = ceremony.namedUserId !== undefined;
  const isOwn = userHandle?.equals(passkey.userHandle) || passkey.userHandle.length === 0;
  if (userHandle === null ? !handleMayBeMissing : !isOwn) {
    throw refuse('user_handle_mismatch');
  }
  return { passkey, siblings: siblings.filter(({ rpId }) => rpId === passkey.rpId), signed };
}

/** An ES256 key as COSE writes it (RFC 9053 §7.1.1), of the most common kind. Nobody has its other half, which is forgotten here. */
const NOBODYS_KEY = (() => {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
  return Buffer.from(`a5010203262001215820${hex(x)}225820${hex(y)}`, 'hex');
})();

function hex(base64url: string): string {
  return Buffer.from(base64url, 'base64url').toString('hex');
}

/** Judges the counter and stores the use by compare and set. A lost race is read and judged again; who wins it tells. */
async function storeUse(
  context: RequestContext,
  { store, sessions }: Pick<Services, 'store' | 'sessions'>,
  purpose: Purpose,
  user: User,
  found: Passkey,
  data: AuthenticatorData,
): Promise<Passkey> {
  let passkey = found;
  for (let tries = 0; tries < 5; tries++) {
    const comparison = compareSignCount(passkey.signCount, data.signCount);
    context.draft.signCount = comparison;
    const judged = judgeSignCount(comparison, context.config.policy.signCount);
    if (!judged.allow) {
      const disabling = context.config.policy.signCount === 'disable';
      const disabled = disabling ? await disable(store, sessions, passkey) : undefined;
      if (disabled) notify(context, user, disabled, { kind: 'passkey_disabled', by: 'counter' });
      // Where another answer was faster to disable it, its user has been told.
      if (disabled || !disabling) notify(context, user, passkey, { kind: 'counter_regressed', accepted: false });
      throw refuse(judged.reason, { rule: judged.rule, ...(disabled && { also: 'latchkey.passkey.disabled' }) });
    }
    // A lower count is never stored: the real authenticator's next one must still be an advance.
    const use = {
      signCount: Math.max(passkey.signCount, data.signCount),
      backupEligible: data.flags.backupEligible,
      backedUp: data.flags.backedUp,
      usedAt: context.config.now(),
    };
    if ((await store.passkeys.recordUse({ passkey, use })) === 'recorded') {
      const used = { ...passkey, ...use, lastUsedAt: use.usedAt };
      if (comparison === 'regressed') notify(context, user, used, { kind: 'counter_regressed', accepted: true });
      // Whoever is signed in with it by the sign-up that made it need not be told.
      const isNew = passkey.lastUsedAt === null && context.request.session?.read()?.passkeyId !== passkey.id;
      if (isNew && purpose === 'sign_in') notify(context, user, used, { kind: 'new_passkey_sign_in' });
      return used;
    }
    const [again] = await store.passkeys.find(passkey);
    if (!again) throw refuse('credential_unknown');
    if (!again.enabled) throw refuse('credential_disabled');
    passkey = again;
  }
  throw refuse('store_unavailable', { cause: new Error('the counter kept changing') });
}

/** The passkey, disabled; nothing when it was already, or is gone. */
async function disable(
  store: ReliableStore,
  sessions: Sessions,
  { userId, rpId, id }: Passkey,
): Promise<Passkey | undefined> {
  const changed = await store.passkeys.update({ userId, rpId, id, change: { enabled: false }, keepLast: false });
  sessions.forget(id);
  return changed.status === 'done' && changed.wasEnabled ? changed.passkey : undefined;
}

function requestOptions(
  context: RequestContext,
  issued: IssuedChallenge,
  allowCredentials: readonly DescriptorJSON[],
): RequestOptionsJSON {
  return {
    challenge: issued.challenge,
    timeout: issued.timeout,
    rpId: context.config.rp.id,
    allowCredentials,
    userVerification: context.config.policy.userVerification,
  };
}
