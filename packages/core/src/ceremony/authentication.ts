/**
 * Sign-in and step-up: the same ceremony with another purpose. WebAuthn Level 3, §7.2, read from top to bottom.
 * Verify keeps six beats in this order: take the state, parse, verify, judge by policy, store, session.
 */
import { generateKeyPairSync } from 'node:crypto';
import { refuse } from '../errors.ts';
import type { IdentifiedUser, PasskeyView, User } from '../options.ts';
import type { Enforcement, SignInMode } from '../record/attempt.ts';
import { enforcementOf } from '../record/conclude.ts';
import type { Flags } from '../record/draft.ts';
import { readClientReport } from '../record/enforcement.ts';
import type { Awaitable, Passkey, PasskeyUse, SessionStart, UseResult } from '../store/store.ts';
import type { AuthenticatorHint, DescriptorJSON, RequestOptionsJSON } from '../webauthn/json.ts';
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
import { decoys } from './decoys.ts';
import { notify } from './notify.ts';
import { describePasskey, descriptors, passkeysOf, type Signals, signalsFor } from './passkeys.ts';
import {
  allowedModes,
  compareSignCount,
  defaultMode,
  isAttested,
  judgeAttestation,
  judgeBackupEligibility,
  judgeDevice,
  judgeEnforcement,
  judgeFirstFactor,
  judgeFlags,
  judgeSignCount,
  permit,
  suggests,
} from './policy.ts';
import type { ReliableStore } from './reliable-store.ts';
import type { Services } from './services.ts';
import { identifiedUser, requireAllowed, type Sessions, type SignedIn, sessionGone } from './session.ts';

type Purpose = 'sign_in' | 'step_up';

/** The device that a page asks a person to use, and the hint that tells the browser. WebAuthn §5.8.7. */
export const HINTS = {
  this_device: 'client-device',
  phone: 'hybrid',
  security_key: 'security-key',
} as const satisfies Record<string, AuthenticatorHint>;

/** The answer of `POST /authentication/options` and `POST /step-up/options`. */
export interface SignInOptionsAnswer {
  readonly attemptId: string;
  readonly mode: SignInMode;
  readonly uiMode?: 'immediate';
  readonly mediation?: 'conditional';
  /** Milliseconds since the epoch, by this server's clock. */
  readonly expiresAt: number;
  readonly publicKey: RequestOptionsJSON;
}

/** `POST /authentication/options`. */
export async function signInOptions(
  context: RequestContext,
  { store }: Services,
  binding: string,
  body: {
    mode?: SignInMode;
    identifier?: string;
    authenticator?: keyof typeof HINTS;
    client?: unknown;
    prefetch?: boolean;
  },
): Promise<SignInOptionsAnswer> {
  const { policy } = context.config;
  const mode = body.mode ?? defaultMode(policy, readClientReport(body.client).immediateGet);
  context.draft.mode = mode;
  if (!allowedModes(policy).includes(mode)) {
    const reason = policy.immediateMediation === 'require' ? 'immediate_not_requested' : 'policy_denied';
    throw refuse(reason, { code: 'mode_not_allowed', rule: 'mode' });
  }
  const identified = await identifiedUser(context);
  if (identified) context.draft.userId = identified.id;
  permit(judgeFirstFactor(identified !== null, policy.firstFactor));
  // Only a modal sign-in may name its user. Immediate and conditional ones are for whatever passkey is there.
  const named = mode === 'modal' ? await offer(context, store, identified, body.identifier) : undefined;
  const issued = await openCeremony(
    context,
    store,
    { purpose: 'sign_in', binding, userId: identified?.id ?? null, prefetch: body.prefetch === true },
    {
      mode,
      ...(named && { offered: named.credentials.map(({ id }) => id) }),
      ...(identified ? { namedUserId: identified.id } : named?.userId !== undefined && { namedUserId: named.userId }),
    },
  );
  return {
    attemptId: issued.attemptId,
    mode,
    ...(mode === 'immediate' && { uiMode: 'immediate' as const }),
    ...(mode === 'conditional' && { mediation: 'conditional' as const }),
    expiresAt: issued.expiresAt,
    publicKey: {
      ...requestOptions(context, issued, named?.credentials ?? []),
      ...(mode === 'modal' && body.authenticator && { hints: [HINTS[body.authenticator]] }),
    },
  };
}

/** The passkeys of a named user, or look-alikes, so that options do not tell who has an account. */
async function offer(
  context: RequestContext,
  store: ReliableStore,
  identified: IdentifiedUser | null,
  identifier: string | undefined,
): Promise<{ userId?: string; credentials: readonly DescriptorJSON[] } | undefined> {
  const { accounts, identityKey, rp } = context.config;
  // A person whom the application knows already is told the truth about their own passkeys.
  if (identified) {
    const own = (await passkeysOf(context.config, store, identified.id)).filter(({ enabled }) => enabled);
    return { userId: identified.id, credentials: descriptors(own) };
  }
  if (identifier === undefined) return undefined;
  context.evenTime = 'all';
  const user = await accounts.findByName(identifier);
  // The same work for a name that nobody has.
  const passkeys = await passkeysOf(context.config, store, user?.id ?? identifier);
  const usable = passkeys.filter(({ enabled }) => enabled);
  const mayKnow = user !== null && usable.length > 0 && (await accounts.allows(user, 'sign_in'));
  if (!mayKnow) {
    const lookAlikes = decoys(identityKey.key, { rpId: rp.id, name: accounts.canonicalName(identifier) });
    return { credentials: byId(lookAlikes) };
  }
  return { userId: user.id, credentials: byId(descriptors(usable)) };
}

/** In an order that does not change with their use, and is that of look-alikes too: else it tells who has an account. */
function byId(credentials: readonly DescriptorJSON[]): readonly DescriptorJSON[] {
  return [...credentials].sort((one, other) => (one.id < other.id ? -1 : 1));
}

/** `POST /step-up/options`: the signed-in user once more, with that user's passkeys only, modal under every policy. */
export async function stepUpOptions(
  context: RequestContext,
  { store }: Services,
  binding: string,
  { user }: SignedIn,
  body: { action?: string },
): Promise<SignInOptionsAnswer> {
  await requireAllowed(context, user, 'step_up');
  const passkeys = (await passkeysOf(context.config, store, user.id)).filter(({ enabled }) => enabled);
  const credentials = descriptors(passkeys);
  const issued = await openCeremony(
    context,
    store,
    { purpose: 'step_up', binding, userId: user.id },
    {
      mode: 'modal',
      namedUserId: user.id,
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

/** The answer of `POST /authentication/verify`, with what `onSignIn` added. */
export interface SignInAnswer {
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string };
  readonly passkey: PasskeyView;
  readonly attempt: { readonly id: string; readonly mode: SignInMode; readonly enforcement: string };
  /** `add_here`: the passkey is on another device, and this person may add one on this. */
  readonly suggest?: 'add_here';
  readonly signals: Signals;
}

/** `POST /authentication/verify`. */
export async function verifySignIn(
  context: RequestContext,
  services: Services,
  body: { attemptId: string; credential: object },
): Promise<SignInAnswer> {
  const identified = await identifiedUser(context);
  permit(judgeFirstFactor(identified !== null, context.config.policy.firstFactor));
  const { sessions } = services;
  let mayBeNews = false;
  const expected = { purpose: 'sign_in', userId: identified?.id ?? null, body } as const;
  const verified = await verifyAssertion(context, services, expected, async (accepted) => {
    const { id, lastUsedAt } = accepted.passkey;
    // A browser that is signed in with this passkey already, by the sign-up that made it, is no news to its owner.
    mayBeNews = lastUsedAt === null && (await sessions.peek(context))?.passkeyId !== id;
    return sessions.prepare(context, { ...accepted, firstFactor: identified !== null });
  });
  const { passkey, used, siblings, user, flags, ceremony, enforcement, start } = verified;
  // Of several first uses at once, the store made one the first: the others read the passkey again.
  const isNews = mayBeNews && passkey.lastUsedAt === null;
  if (isNews) context.whenDone.push(() => notify(context, user, used, { kind: 'new_passkey_sign_in' }));
  const how = { userVerified: flags.userVerified, enforcement, start };
  const { config, draft } = context;
  const count = siblings.length + 1;
  const suggestion = suggests(used, { attachment: draft.attachment, policy: config.policy, count });
  const mayAdd = suggestion !== null && (await config.accounts.allows(user, 'register'));
  return {
    ...(await bridge(context, user, used, how)),
    user: { id: user.id, name: user.name, displayName: user.displayName ?? user.name },
    passkey: describePasskey(used, passkey.id),
    attempt: { id: draft.attemptId, mode: ceremony.mode!, enforcement },
    ...(mayAdd && { suggest: suggestion }),
    signals: signalsFor(config.rp.id, user, { passkeys: [passkey, ...siblings] })!,
  };
}

/** The application's own part of a sign-in, when the session is stored: what it answers is added to the answer. */
export async function bridge(
  { config, draft, request }: RequestContext,
  user: User,
  passkey: Passkey,
  { userVerified, enforcement, start }: { userVerified: boolean; enforcement: Enforcement; start: SessionStart | null },
): Promise<object | undefined> {
  const session = start && { id: start.session.id, expiresAt: start.session.expiresAt };
  const added = await config.onSignIn?.({
    user,
    passkey,
    authenticatedAt: start?.session.authenticatedAt ?? config.now(),
    userVerified,
    attempt: { id: draft.attemptId, mode: draft.mode, enforcement },
    session,
    request: request.native,
    response: request.nativeResponse,
  });
  return typeof added === 'object' && added !== null ? added : undefined;
}

/** `POST /step-up/verify`. */
export async function verifyStepUp(
  context: RequestContext,
  services: Services,
  signedIn: SignedIn,
  body: { attemptId: string; credential: object },
): Promise<{ steppedUpAt: number; expiresAt: number; action?: string }> {
  const expected = { purpose: 'step_up', userId: signedIn.user.id, body } as const;
  const { ceremony, start } = await verifyAssertion(
    context,
    services,
    expected,
    ({ passkey, userVerified, ceremony }) =>
      services.sessions.prepareStepUp(context, signedIn, { passkey, userVerified, action: ceremony.action ?? null }),
  );
  const steppedUpAt = start!.session.stepUp!.at;
  return {
    steppedUpAt,
    expiresAt: steppedUpAt + context.config.policy.recentSignInMs,
    ...(ceremony.action !== undefined && { action: ceremony.action }),
  };
}

/** An assertion that was verified and accepted, and the session that begins with it. */
interface VerifiedAssertion {
  readonly ceremony: Ceremony;
  /** As it was before this use. */
  readonly passkey: Passkey;
  /** As it is after it. */
  readonly used: Passkey;
  readonly siblings: readonly Passkey[];
  readonly user: User;
  readonly flags: Flags;
  readonly enforcement: Enforcement;
  /** Null where the application only issues tokens. */
  readonly start: SessionStart | null;
}

/** What is known when the session is prepared. */
interface Accepted {
  readonly ceremony: Ceremony;
  readonly passkey: Passkey;
  readonly userVerified: boolean;
  readonly enforcement: Enforcement;
}

async function verifyAssertion(
  context: RequestContext,
  services: Pick<Services, 'store' | 'sessions'>,
  expected: { purpose: Purpose; userId: string | null; body: { attemptId: string; credential: object } },
  prepare: (accepted: Accepted) => Awaitable<SessionStart | null>,
): Promise<VerifiedAssertion> {
  const { config, draft } = context;
  const { store } = services;
  const { purpose, userId, body } = expected;
  // Take the state. From here on this challenge is spent, whatever comes next. The passkey that is said to answer is looked
  // up at the same time, which saves a store across a network one round trip; what comes of it is asked only afterwards.
  const taking = takeCeremony(context, store, body.attemptId, purpose, userId);
  const lookingUp = lookUp(store, body.credential);
  lookingUp.catch(() => {});
  const ceremony = await taking;

  // Parse.
  draft.stage = 'assertion';
  if (purpose === 'sign_in') context.evenTime = 'refusals';
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
  // Flags and counter are trusted only after the signature, and only now is the application asked about its user.
  draft.flags = data.flags;
  draft.backupEligibleChanged = passkey.backupEligible !== null && passkey.backupEligible !== data.flags.backupEligible;
  const user = await config.accounts.active(passkey.userId);
  if (!user) throw refuse('user_disabled');
  if (!(await config.accounts.allows(user, purpose))) throw refuse('user_policy', { rule: 'user' });

  // Judge by policy.
  draft.stage = 'policy';
  permit(judgeFlags(data.flags, ceremony.userVerification));
  if (!isBackupStateValid(data.flags)) throw refuse('backup_state_invalid');
  permit(judgeBackupEligibility(draft.backupEligibleChanged, config.policy.backupEligibility));
  // A passkey that could ever leave its device does not become bound to it by saying so.
  const mayBeElsewhere = data.flags.backupEligible || passkey.backupEligible === true;
  permit(judgeDevice(mayBeElsewhere, ceremony.requirements));
  permit(judgeAttestation(isAttested(passkey, config.policy), ceremony.requirements));
  draft.decided = enforcementOf(draft);
  const { enforcement } = draft.decided;
  permit(judgeEnforcement(ceremony.immediateMediation, enforcement, draft.clientReport));

  // Store the use, and in the same step, where the store can, the session that begins with it.
  const { userVerified } = data.flags;
  const start = await prepare({ ceremony, passkey, userVerified, enforcement });
  const { before, used } = await storeUse(context, services, user, passkey, { data, start });
  draft.stage = 'session';
  return { ceremony, passkey: before, used, siblings, user, flags: data.flags, enforcement, start };
}

/** An answer, read, and the passkeys of the user who owns the one that is said to have given it. */
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
  // Checked first, judged last, and checked for a passkey that is nobody's too, so that the time of a refusal does not tell
  // who has an account here.
  const { publicKey } = passkey ?? { publicKey: nobodysKey() };
  const signed = isSignatureValid(assertion, publicKey);
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

/** Made when it is first needed: on Workers nothing may be drawn at random while modules load. */
let drawnForNobody: Buffer | undefined;

/** An ES256 key as COSE writes it (RFC 9053 §7.1.1). The private key is discarded, so no signature ever matches. */
function nobodysKey(): Buffer {
  if (drawnForNobody === undefined) {
    const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
    drawnForNobody = Buffer.from(`a5010203262001215820${hex(x)}225820${hex(y)}`, 'hex');
  }
  return drawnForNobody;
}

function hex(base64url: string): string {
  return Buffer.from(base64url, 'base64url').toString('hex');
}

/** Judges the counter and stores the use by compare and set. A lost race is read and judged again; the winner notifies. */
async function storeUse(
  context: RequestContext,
  { store, sessions }: Pick<Services, 'store' | 'sessions'>,
  user: User,
  found: Passkey,
  { data, start }: { data: AuthenticatorData; start: SessionStart | null },
): Promise<{ before: Passkey; used: Passkey }> {
  const { config, draft } = context;
  let passkey = found;
  for (let tries = 0; tries < 5; tries++) {
    const comparison = compareSignCount(passkey.signCount, data);
    draft.signCount = comparison;
    const judged = judgeSignCount(comparison, config.policy.signCount);
    if (!judged.allow) {
      await afterRegression(context, { store, sessions }, user, passkey);
      permit(judged);
    }
    const { backupEligible, backedUp } = data.flags;
    const use: PasskeyUse = {
      // A lower count is never stored: the real authenticator's next one must still be an advance.
      signCount: Math.max(passkey.signCount, data.signCount),
      backupEligible: backupEligible || passkey.backupEligible === true,
      backedUp,
      usedAt: config.now(),
    };
    const result = await storeBoth(context, { store, sessions }, { passkey, use, start });
    if (result === 'session_gone') throw sessionGone();
    if (result === 'recorded') {
      const used = { ...passkey, ...use, lastUsedAt: use.usedAt };
      if (comparison === 'regressed') notify(context, user, used, { kind: 'counter_regressed', accepted: true });
      return { before: passkey, used };
    }
    const [again] = await store.passkeys.find(passkey);
    if (!again) throw refuse('credential_unknown');
    if (!again.enabled || again.generation !== found.generation) throw refuse('credential_disabled');
    passkey = again;
  }
  throw refuse('store_unavailable', { cause: new Error('the counter kept changing') });
}

/** The use and the session: in one step where the store can, else the use first. So no session is there without a recorded use. */
async function storeBoth(
  context: RequestContext,
  { store, sessions }: Pick<Services, 'store' | 'sessions'>,
  { passkey, use, start }: { passkey: Passkey; use: PasskeyUse; start: SessionStart | null },
): Promise<UseResult> {
  if (start === null) return store.passkeys.recordUse({ passkey, use });
  const together = () => store.passkeys.recordUse({ passkey, use, session: start });
  const oneByOne = async (): Promise<UseResult> => {
    const result = await store.passkeys.recordUse({ passkey, use });
    if (result !== 'recorded') return result;
    return (await sessions.write(start)) ? 'recorded' : 'session_gone';
  };
  const isBegun = (result: UseResult) => result === 'recorded';
  return sessions.begin(context, start, store.storesSessionsWithUses ? together : oneByOne, isBegun);
}

/** Under `disable` the passkey is disabled and its sessions end. Its user is told, once. */
async function afterRegression(
  context: RequestContext,
  { store, sessions }: { store: ReliableStore; sessions: Sessions },
  user: User,
  passkey: Passkey,
): Promise<void> {
  const { userId, rpId, id } = passkey;
  const disabling = context.config.policy.signCount === 'disable';
  const changed = disabling
    ? await store.passkeys.update({ userId, rpId, id, change: { enabled: false }, keepLast: false })
    : null;
  const disabled = changed?.status === 'done' && changed.wasEnabled ? changed.passkey : null;
  if (disabling && context.config.sessions)
    await sessions.end(context, { userId, passkeyId: id }, 'policy', 'passkey_disabled');
  if (disabled) {
    context.events.push({ name: 'latchkey.passkey.disabled', changes: { changedBy: 'policy' } });
    notify(context, user, disabled, { kind: 'passkey_disabled', by: 'counter' });
  }
  // Where another answer was faster to disable it, its user has been told.
  if (disabled || !disabling) notify(context, user, passkey, { kind: 'counter_regressed', accepted: false });
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
