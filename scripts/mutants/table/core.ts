/** Mutants of what core decides. */
import type { Mutant } from '../mutate.ts';

const CORE = 'packages/core/src';
const CONTRACT = ['tests/http/contract.test.ts'];
const ENUMERATION = ['tests/security/enumeration.test.ts'];
const REASONS = ['tests/security/reasons.test.ts'];
const THREATS = ['tests/security/threats.test.ts'];
const LIMITS = ['packages/core/test/limits.test.ts'];
const BOUNDS = ['tests/security/bounds.test.ts'];
const RELYING_PARTIES = ['tests/security/relying-parties.test.ts'];
const LEFT_OVER = ['tests/http/findings/left-over.test.ts'];
const SIGNATURE = ['packages/core/test/signature.test.ts'];

/** Noticed by rules of the HTTP contract, which begin so, on one framework. */
const byRules = (file: string, find: string, replace: string, rule: string): Mutant => ({
  file: `${CORE}/${file}`,
  find,
  replace,
  tests: CONTRACT,
  named: `Express 5 > ${rule}`,
});

/** Noticed by tests of one file, of which `named` is enough. */
const by = (tests: readonly string[], file: string, find: string, replace: string, named?: string): Mutant => ({
  file: `${CORE}/${file}`,
  find,
  replace,
  tests,
  ...(named !== undefined && { named }),
});

const CONFIG = ['packages/core/test/config.test.ts'];
const LOG_LINE = ['tests/records/log-line.test.ts'];
const OFFERS = ['tests/http/offers.test.ts'];

const CEREMONY = 'ceremony/ceremony.ts';
const AUTHENTICATION = 'ceremony/authentication.ts';
const REGISTRATION = 'ceremony/registration.ts';
const SESSION = 'ceremony/session.ts';
const INVITATION = 'ceremony/invitation.ts';
const ACTIVITY = 'ceremony/activity.ts';
const INVITATIONS = ['tests/http/invitations.test.ts'];
const ALIKE = 'answers a token that was mistyped';

export const CORE_MUTANTS: readonly Mutant[] = [
  // --- a challenge ---
  byRules(
    CEREMONY,
    "if (clientData.type !== type) throw refuse('type_mismatch');",
    '',
    'refuses a sign-in: client data of another type',
  ),
  byRules(
    CEREMONY,
    'if (clientData.challenge !== ceremony.challenge) {',
    'if (false) {',
    'refuses a sign-in: client data with another challenge',
  ),
  byRules(CEREMONY, "if (!isOurs) throw refuse('origin_mismatch');", '', 'refuses a sign-in: an origin with'),
  byRules(
    CEREMONY,
    "if (draft.crossOrigin) throw refuse('cross_origin_denied');",
    '',
    'refuses a sign-in: client data with crossOrigin',
  ),
  byRules(
    CEREMONY,
    'clientData.crossOrigin || clientData.topOrigin !== null',
    'clientData.crossOrigin',
    'refuses a sign-in: client data with a topOrigin',
  ),
  by(
    THREATS,
    CEREMONY,
    "if (ceremony.rpId !== context.config.rp.id) throw refuse('challenge_mismatch');",
    '',
    'another tenant',
  ),
  by(
    RELYING_PARTIES,
    CEREMONY,
    "if (!isPossibleHere(ceremony, purpose, context.config.policy)) throw refuse('challenge_mismatch');",
    '',
  ),
  by(
    RELYING_PARTIES,
    CEREMONY,
    'const ceremony = judgedHere(issued, context.config.policy);',
    'const ceremony = issued;',
  ),
  by(RELYING_PARTIES, CEREMONY, ' && ceremony.origins.includes(clientData.origin)', ''),
  byRules(
    CEREMONY,
    'binding: hashBinding(context.binding), now };',
    "binding: hashBinding('the same for all'), now };",
    'refuses an answer from another browser',
  ),
  // --- an assertion ---
  byRules(
    AUTHENTICATION,
    "if (!isForRelyingParty(data, config.rp.id)) throw refuse('rp_id_hash_mismatch');",
    '',
    'refuses a sign-in: an answer for another RP ID',
  ),
  byRules(AUTHENTICATION, "if (!signed) throw refuse('signature_invalid');", '', 'refuses a sign-in: a signature'),
  byRules(
    AUTHENTICATION,
    "if (!user) throw refuse('user_disabled');",
    'if (!user) return {} as never;',
    'refuses a person whose account was blocked after the options',
  ),
  byRules(
    AUTHENTICATION,
    "if (!(await config.accounts.allows(user, purpose))) throw refuse('user_policy', { rule: 'user' });",
    '',
    'asks the application’s own rules',
  ),
  byRules(
    AUTHENTICATION,
    'permit(judgeFlags(data.flags, ceremony.userVerification));',
    '',
    'refuses a sign-in: nobody',
  ),
  byRules(
    AUTHENTICATION,
    "if (!isBackupStateValid(data.flags)) throw refuse('backup_state_invalid');",
    '',
    'refuses a sign-in: backed up without being eligible',
  ),
  byRules(
    AUTHENTICATION,
    'permit(judgeBackupEligibility(draft.backupEligibleChanged, config.policy.backupEligibility));',
    '',
    'refuses such a passkey under refuse',
  ),
  by(
    ['tests/http/assurance.test.ts'],
    AUTHENTICATION,
    'permit(judgeDevice(mayBeElsewhere, ceremony.requirements));',
    '',
  ),
  byRules(
    AUTHENTICATION,
    'permit(judgeEnforcement(ceremony.immediateMediation, enforcement, draft.clientReport));',
    '',
    'refuses under require what the page says was not immediate',
  ),
  byRules(
    AUTHENTICATION,
    "if (ceremony.offered && !ceremony.offered.includes(credentialId.toString('base64url'))) {",
    'if (false) {',
    'refuses another person’s passkey',
  ),
  by(
    THREATS,
    AUTHENTICATION,
    ' || !credentialId.equals(passkey.credentialId)',
    '',
    'a store that finds the passkey of another id',
  ),
  by(
    THREATS,
    AUTHENTICATION,
    "if (passkey.rpId !== context.config.rp.id) throw refuse('credential_not_allowed');",
    '',
    'another tenant',
  ),
  by(
    THREATS,
    AUTHENTICATION,
    "if (!passkey.enabled) throw refuse('credential_disabled');",
    '',
    'of a disabled passkey',
  ),
  byRules(
    AUTHENTICATION,
    'if (userHandle === null ? !handleMayBeMissing : !isOwn) {',
    'if (userHandle === null && !handleMayBeMissing) {',
    'refuses a sign-in: another user handle',
  ),
  byRules(
    AUTHENTICATION,
    'if (userHandle === null ? !handleMayBeMissing : !isOwn) {',
    'if (userHandle !== null && !isOwn) {',
    'refuses a sign-in: no user handle',
  ),
  by(RELYING_PARTIES, AUTHENTICATION, 'siblings.filter(({ rpId }) => rpId === passkey.rpId)', 'siblings'),
  by(
    THREATS,
    AUTHENTICATION,
    'if (!again.enabled || again.generation !== found.generation)',
    'if (false)',
    'a passkey disabled or deleted while',
  ),
  by(THREATS, AUTHENTICATION, 'again.generation !== found.generation', 'false', 'a passkey disabled or deleted while'),
  byRules(
    AUTHENTICATION,
    'signCount: Math.max(passkey.signCount, data.signCount),',
    'signCount: data.signCount,',
    'records a counter that went backwards',
  ),
  by(
    THREATS,
    AUTHENTICATION,
    "if (result === 'session_gone') throw sessionGone();",
    '',
    'a step-up whose session ends while',
  ),
  byRules(
    AUTHENTICATION,
    "await sessions.end(context, { userId, passkeyId: id }, 'policy', 'passkey_disabled');",
    '',
    'disables a passkey whose counter went backwards',
  ),
  // --- who has an account ---
  by(ENUMERATION, AUTHENTICATION, "context.evenTime = 'all';", '', 'finding 15'),
  by(ENUMERATION, AUTHENTICATION, "if (purpose === 'sign_in') context.evenTime = 'refusals';", '', 'finding 15'),
  by(
    ENUMERATION,
    'http/router.ts',
    "(evenTime === 'refusals' && response.status >= 400)",
    "evenTime === 'refusals'",
    'finding 15',
  ),
  by(
    ENUMERATION,
    AUTHENTICATION,
    'await passkeysOf(context.config, store, user?.id ?? identifier)',
    'user ? await passkeysOf(context.config, store, user.id) : []',
    'is asked as often',
  ),
  by(
    ENUMERATION,
    AUTHENTICATION,
    'const { publicKey } = passkey ?? { publicKey: nobodysKey() };',
    'const { publicKey } = passkey ?? { publicKey: new Uint8Array() };',
    'the signature of a passkey that nobody has',
  ),
  by(ENUMERATION, AUTHENTICATION, 'byId(descriptors(usable))', 'descriptors(usable)', 'the order of what is offered'),
  by(
    ENUMERATION,
    AUTHENTICATION,
    'decoys(identityKey.key, { rpId: rp.id,',
    "decoys(identityKey.key, { rpId: '',",
    'finding 7',
  ),
  by(ENUMERATION, 'ceremony/decoys.ts', '{ of256: 118, length: 16 }', '{ of256: 118, length: 32 }', 'finding 6'),
  by(
    ENUMERATION,
    'ceremony/decoys.ts',
    'const NUMBERS = [190, 52, 14] as const;',
    'const NUMBERS = [256, 0, 0] as const;',
    'finding 6',
  ),
  by(SIGNATURE, 'webauthn/signature.ts', 'if (held) importPublicKey(decode(publicKey));', ''),
  // --- a registration ---
  byRules(
    REGISTRATION,
    'permit(judgeFlags(flags, ceremony.userVerification, ceremony.conditional !== true));',
    '',
    'refuses a registration: nobody',
  ),
  by(
    ['tests/http/assurance.test.ts'],
    REGISTRATION,
    'permit(judgeDevice(flags.backupEligible, ceremony.requirements));',
    '',
  ),
  by(
    ['tests/http/attestation.test.ts'],
    REGISTRATION,
    'permit(judgeAttestation(isAccepted, ceremony.requirements));',
    '',
  ),
  by(
    LEFT_OVER,
    AUTHENTICATION,
    'permit(judgeAttestation(isAttested(passkey, config.policy), ceremony.requirements));',
    '',
    'Express 5 > a passkey that nobody vouches for',
  ),
  by(
    LEFT_OVER,
    REGISTRATION,
    'attested: isAccepted,',
    'attested: true,',
    'Express 5 > a passkey that nobody vouches for',
  ),
  by(
    LEFT_OVER,
    'ceremony/policy.ts',
    'return attested && (attestation?.acceptsModel(aaguid) ?? true);',
    'return attested;',
    'Express 5 > one that was attested',
  ),
  by(
    ['tests/http/attestation.test.ts'],
    'config/attestation.ts',
    'return model === undefined ? anchors.length > 0 : !model.withdrawn;',
    'return !model?.withdrawn;',
    'refuses a passkey that was attested where',
  ),
  by(
    ['tests/http/attestation.test.ts'],
    'config/attestation.ts',
    'return model === undefined ? anchors.length > 0 : !model.withdrawn;',
    'return true;',
    'refuses a passkey that was attested where',
  ),
  byRules(REGISTRATION, "if (!user) throw refuse('username_unavailable');", '', 'keeps a name that is taken secret'),
  byRules(
    REGISTRATION,
    "if (inserted === 'exists') throw refuse('credential_exists');",
    '',
    'refuses a credential id that somebody else registered',
  ),
  byRules(
    REGISTRATION,
    "if (inserted === 'limit') throw refuse('credential_limit');",
    '',
    'refuses one passkey too many',
  ),
  byRules(
    REGISTRATION,
    "if (!invitation?.replacesAll && passkeys.length >= config.policy.maxPasskeys) throw refuse('credential_limit');",
    '',
    'begins no registration where there are as many passkeys as may be',
  ),
  byRules(
    'http/shape.ts',
    'if (NAMES.includes(name) && !isFitName(given as string)) return undefined;',
    '',
    'refuses a name that acts unseen on the text around it',
  ),
  byRules(
    ACTIVITY,
    "assertion.signature === 'valid'",
    'true',
    'shows a sign-in that was refused although a passkey proved it',
  ),
  byRules(ACTIVITY, 'userId: user.id, ', '', 'lists one’s own sign-ins, newest first, and nobody else’s'),
  by(
    ['tests/http/findings/tenants.test.ts'],
    ACTIVITY,
    'rp.id === config.rp.id && ',
    '',
    'Express 5, in memory > finding 11',
  ),
  byRules(
    REGISTRATION,
    'if (mustBeRecent) requireRecent(registrant, config);',
    '',
    'asks for a recent sign-in before it adds another passkey',
  ),
  byRules(
    REGISTRATION,
    'context.undo.push(() => context.config.accounts.undo(user));',
    '',
    'refuses a credential id that somebody else registered',
  ),
  byRules(
    'webauthn/verify.ts',
    "if (!attestation.credentialId.equals(attested.credentialId)) throw refuse('credential_id_mismatch');",
    '',
    'refuses a registration: a',
  ),
  byRules(
    'webauthn/verify.ts',
    "if (!isForRelyingParty(attested, expected.rpId)) throw refuse('rp_id_hash_mismatch');",
    '',
    'refuses a registration: an answer for another RP ID',
  ),
  by(
    ['tests/http/attestation.test.ts'],
    'webauthn/verify.ts',
    'if (!OFFLINE_FORMATS.includes(attested.format)) throw refused();',
    '',
    'looks nothing up at addresses',
  ),
  by(
    THREATS,
    'webauthn/verify.ts',
    "if (publicKey.length > MAX_PUBLIC_KEY) throw refuse('public_key_invalid');",
    '',
    'mutant 6',
  ),
  by(
    ['packages/core/test/signature.test.ts'],
    'webauthn/signature.ts',
    'modulusLength >= 2_048 && modulusLength <= 4_096 && goodExponent',
    'modulusLength >= 1_024 && modulusLength <= 4_096 && goodExponent',
  ),
  by(
    ['packages/core/test/signature.test.ts'],
    'webauthn/signature.ts',
    'modulusLength >= 2_048 && modulusLength <= 4_096 && goodExponent',
    'modulusLength >= 2_048 && modulusLength <= 4_096',
  ),
  // --- sessions ---
  by(THREATS, SESSION, 'live.session.rpId !== context.config.rp.id || ', '', 'another tenant'),
  by(
    THREATS,
    SESSION,
    'if (!passkey.enabled || passkey.generation !== session.generation)',
    'if (!passkey.enabled)',
    'a session from before a disabling',
  ),
  by(
    THREATS,
    SESSION,
    "await end(context, { id: found.dead.id }, 'policy', found.because);",
    '',
    'a session from before a disabling',
  ),
  byRules(
    SESSION,
    'return now < expiresAt && now - latest <= afterMs &&',
    'return now - latest <= afterMs &&',
    'ends a session at its expiry',
  ),
  byRules(SESSION, '&& now - Math.max(latest, seenAt) <= idleOf(tenant);', ';', 'ends a session at its expiry'),
  by(
    THREATS,
    SESSION,
    "await end(context, { id: session.id }, 'policy', 'user_disabled');",
    '',
    'the session of an account that was blocked',
  ),
  byRules(
    SESSION,
    'const fits = stepUp !== null && stepUp.action === (rule.action ?? null);',
    'const fits = stepUp !== null;',
    'steps up for one action',
  ),
  byRules(
    SESSION,
    "if (rule.enforced && session.enforcement !== 'enforced') throw refuseUnrecorded('policy_denied');",
    '',
    'guards the application’s own routes',
  ),
  byRules(
    SESSION,
    'return stepUp !== null && stepUp.action === null ? Math.max(authenticatedAt, stepUp.at) : authenticatedAt;',
    'return Math.max(authenticatedAt, stepUp?.at ?? 0);',
    'steps up for one action',
  ),
  by(
    LEFT_OVER,
    SESSION,
    'judgeFirstFactor(session.firstFactor, policy.firstFactor).allow && ',
    '',
    'Express 5 > a session that began without the first factor',
  ),
  by(
    LEFT_OVER,
    AUTHENTICATION,
    'firstFactor: identified !== null',
    'firstFactor: true',
    'Express 5 > a session that began without the first factor',
  ),
  by(
    LEFT_OVER,
    SESSION,
    'judgeAttestation(passkey !== null && isAttested(passkey, policy), policy.requirements).allow',
    'true',
    'Express 5 > a passkey that nobody vouches for',
  ),
  by(
    LEFT_OVER,
    SESSION,
    'return stepUp === null || isFit(confirmedBy, stepUp, policy) ?',
    'return true ?',
    'Express 5 > a step-up',
  ),
  by(
    LEFT_OVER,
    SESSION,
    'const stepUp = { at: now, action, passkeyId: passkey.id, userVerified };',
    'const stepUp = { at: now, action, passkeyId: passkey.id, userVerified: true };',
    'Express 5 > a step-up',
  ),
  byRules(
    SESSION,
    "if (sessionToken !== null) await end(context, { tokenHash: sessionToken }, 'person', 'replaced');",
    '',
    'begins a new session at sign-in',
  ),
  by(LEFT_OVER, SESSION, " && because !== 'replaced'", '', 'Express 5 > a session that a new sign-in replaces'),
  by(LEFT_OVER, SESSION, 'if (isOver(session)) return;', '', 'Express 5 > a session that a new sign-in replaces'),
  by(LEFT_OVER, SESSION, 'await endSurplus(context, session);', '', 'Express 5 > a person has'),
  by(LEFT_OVER, SESSION, 'keepLatest: settings!.max - 1', 'keepLatest: settings!.max', 'Express 5 > a person has'),
  by(
    LEFT_OVER,
    SESSION,
    "      forget({ tokenHash: session.tokenHash });\n      await tell(context, session, 'policy', 'too_many');",
    "      await tell(context, session, 'policy', 'too_many');",
    'Express 5 > a person has',
  ),
  by(REASONS, SESSION, "throw refuse('session_failed', { cause: thrown.cause });", 'throw thrown;', 'session_failed'),
  // --- the request ---
  byRules('http/receive.ts', "if (!ours) throw refuse('origin_denied');", '', 'refuses requests of other origins'),
  byRules(
    'http/receive.ts',
    "site === undefined || site === 'same-origin' || site === 'none'",
    'true',
    'refuses requests of other origins',
  ),
  by(
    CONTRACT,
    'http/receive.ts',
    "if (length > MAX_BODY) throw refuse('malformed_request', { code: 'content_too_large' });",
    '',
    'refuses a body that is too large',
  ),
  byRules('http/receive.ts', "encoding.toLowerCase() !== 'identity'", 'false', 'refuses what is compressed'),
  byRules(
    'http/guards.ts',
    'if (app.sessions?.checkOrigin && mayChange) checkOrigin(context);',
    '',
    'refuses what a page of another site would change',
  ),
  by(THREATS, 'http/guards.ts', '/^\\/(?![/\\\\])/.test(url)', 'true', 'the way back is a path'),
  byRules('http/shape.ts', "!value.includes('\\0') &&", '', 'refuses in every member what is no text'),
  byRules('http/shape.ts', 'value.isWellFormed()', 'true', 'refuses in every member what is no text'),
  by(
    THREATS,
    'http/shape.ts',
    'if (!Object.hasOwn(value, name)) continue;',
    'if (!(name in value)) continue;',
    'a body whose members',
  ),
  byRules(
    'http/routes.ts',
    "if (!passkey.enabled) await endSessionsOf(context, services, passkey, 'passkey_disabled');",
    '',
    'ends the sessions of a passkey',
  ),
  byRules(
    'http/routes.ts',
    "await endSessionsOf(context, services, passkey, 'passkey_removed');",
    '',
    'ends the sessions of a passkey',
  ),
  by(REASONS, 'http/router.ts', 'await takeBack(context);', '', 'audit_unavailable'),
  by(
    ['tests/http/limits.test.ts'],
    'http/receive.ts',
    "if (method === 'DELETE' && path === SESSION) return [];",
    '',
    'signing out is never over a limit',
  ),
  by(
    ['tests/http/limits.test.ts'],
    'http/receive.ts',
    "if (method === 'DELETE' && path === SESSION) return [];",
    "if (method === 'DELETE') return [];",
    'there is a limit for changes',
  ),
  by(LIMITS, 'http/limits.ts', 'if (sharer !== undefined) shares.consume(key, sharer);', ''),
  by(LIMITS, 'http/limits.ts', 'all.until}`);', '0}`);', 'an IPv6 /48'),
  by(
    LEFT_OVER,
    'signals/publish.ts',
    'turn ? () => turn(handing) : handing',
    'handing',
    'attempts that were let in and refused',
  ),
  by(
    LEFT_OVER,
    'signals/publish.ts',
    'if (next) next();',
    'if (false) next?.();',
    'attempts that were let in and refused',
  ),
  by(LIMITS, 'http/limits.ts', 'if (window.count >= points)', 'if (window.count > points)'),
  by(LIMITS, 'http/limits.ts', 'if (all >= points || network >= share ||', 'if (all >= points ||'),
  by(LIMITS, 'http/limits.ts', '|| young.size >= MOST_KEYS', ''),
  by(LIMITS, 'http/limits.ts', 'folds.has(own) || folds.size < MOST_FOLDED', 'true'),
  by(LIMITS, 'http/limits.ts', 'cap.finish(ceremony);\n        throw refusalOf', 'throw refusalOf'),
  by(RELYING_PARTIES, 'ceremony/passkeys.ts', '.filter(({ rpId }) => rpId === config.rp.id)', ''),
  by(THREATS, REGISTRATION, 'await config.accounts.active(registrant.user.id)', 'registrant.user', 'mutant 5'),
  by(
    BOUNDS,
    SESSION,
    'if (remembered.size >= MOST_REMEMBERED) remembered.delete(remembered.keys().next().value!);',
    '',
  ),
  by(BOUNDS, 'sweep.ts', 'if (busy) return;', ''),
  by(
    BOUNDS,
    'http/receive.ts',
    "if (stream.destroyed) return Promise.reject(new Error('the request was cut off'));",
    '',
  ),
  byRules('sweep.ts', 'if (!pending.begun) return;', '', 'lets a prefetched challenge that nobody used'),
  // --- invitations ---
  byRules(INVITATION, "if (status !== 'open') throw", 'if (status === null) throw', ALIKE),
  byRules(
    INVITATION,
    "if (context.config.now() >= expiresAt) throw turnedAway(context, 'invitation_expired');",
    '',
    ALIKE,
  ),
  byRules(INVITATION, "if (user === null) throw turnedAway(context, 'user_disabled');", '', ALIKE),
  byRules(
    INVITATION,
    "if (again.invitation.binding !== own) throw turnedAway(context, 'invitation_other_browser');",
    '',
    'lets only the browser use an invitation',
  ),
  byRules(
    INVITATION,
    "if (invited.invitation.binding !== hashBinding(context.binding))\n    throw turnedAway(context, 'invitation_other_browser');",
    '',
    'lets only the browser use an invitation',
  ),
  by(
    INVITATIONS,
    INVITATION,
    'invitation === null || invitation.rpId !== config.rp.id',
    'invitation === null',
    'an invitation for one',
  ),
  by(INVITATIONS, INVITATION, '  context.admitted = false;\n', '', 'guesses leave one record'),
  by(
    INVITATIONS,
    INVITATION,
    'if (done && context.binding === null)',
    'if (context.config === null)',
    'a browser that was refused',
  ),
  by(INVITATIONS, INVITATION, '&& isMeant(invitation)', '', 'of invitations that are issued at once'),
  by(
    INVITATIONS,
    'sweep.ts',
    'const before = config.now() - FORGOTTEN_AFTER_MS;',
    'const before = config.now();',
    'an invitation is forgotten',
  ),
  byRules(
    REGISTRATION,
    "if (ceremony.invitationId !== invitation?.id) throw refuse('challenge_mismatch');",
    '',
    'takes an answer only with the invitation',
  ),
  byRules(
    REGISTRATION,
    'if (invitation) await spendInvitation(context, store, invitation);',
    '',
    'makes one passkey of ten answers',
  ),
  byRules(
    REGISTRATION,
    'if (invitation) await giveBackInvitation(context, store, invitation);',
    '',
    'gives an invitation back',
  ),
  byRules(
    REGISTRATION,
    'if (invitation.replacesAll) await replaceOthers(context, services, user, passkey);',
    '',
    'removes the other passkeys',
  ),
  byRules(REGISTRATION, "config.policy.invitations === 'sign_in'", 'true', 'lets an invited person make one passkey'),
  byRules(
    REGISTRATION,
    "if (conditional && invitation) throw refuse('malformed_request');",
    '',
    'shows whoever opens an invitation',
  ),
  by(
    INVITATIONS,
    REGISTRATION,
    'if (!isInvited(registrant)) return registrant !== null;',
    'if (context !== null) return registrant !== null;',
    'where a first factor is demanded',
  ),
  // --- an offer ---
  ...(
    [
      [
        "if ((await passkeysOf(config, store, user.id)).length > 0) return 'has_passkey';",
        '',
        'to a person who has none',
      ],
      ["!(await config.accounts.allows(user, 'register'))", 'false', 'who may not register'],
      ['lot(config.identityKey.key, user.id) >= offers.share', 'offers.share === 0', 'is for the same people'],
      ["derive(key, 'offer', userId)", "derive(key, 'offer', String(Math.random()))", 'is for the same people'],
      ['declinedAt !== null && isRecent(', 'false && isRecent(', 'holds in every browser'],
      ['isRecent(declinedAt, offers.againMs, config.now())', 'config.now() - declinedAt <= offers.againMs', 'a clock'],
      ['!policy.conditionalCreate || refusesMost(policy)', '!policy.conditionalCreate', 'without asking'],
      [
        'return isRecent(await lastProved(context, person), policy.recentSignInMs, now());',
        'return true;',
        'without asking',
      ],
    ] as const
  ).map(([find, replace, named]) => by(OFFERS, 'ceremony/offer.ts', find, replace, named)),
  by(
    OFFERS,
    'config/check-policy.ts',
    'share === 0 || share === 100 || !identityKey',
    'true || !identityKey',
    'needs an identity key',
  ),
  by(OFFERS, 'ceremony/report.ts', "occasion: name === 'latchkey.passkey.added' ? own.occasion : null,", '', 'sign_up'),
  by(['tests/http/managers/managers.test.ts'], 'ceremony/passkeys.ts', '.slice(0, MOST_LISTED)', '', 'at most 64'),
  // --- records ---
  by(
    THREATS,
    'record/one-line.ts',
    'const UNFIT = /[\\p{Cc}\\p{Cf}\\u2028\\u2029]/gu;',
    'const UNFIT = /[\\p{Cc}]/gu;',
    'log injection',
  ),
  by(CONFIG, 'config/check-options.ts', "logLine === 'whole' || !identityKey", 'true || !identityKey', 'without a key'),
  by(
    LOG_LINE,
    'signals/publish.ts',
    'sink.onStandardOutput === true ? lineOf(record) : record',
    'record',
    'in its place',
  ),
  ...['id: null', 'note: null', 'address: networkOf(client.address) ?? null'].map((find) =>
    by(LOG_LINE, 'record/pseudonymous.ts', find, '', 'names nobody'),
  ),
  by(
    ['tests/records/identity-key-warning.test.ts'],
    'signals/telemetry-check.ts',
    ' && !endsWithProcess(config.store.passkeys)',
    '',
    'not said in memory',
  ),
  by(['packages/core/test/address.test.ts'], 'address.ts', "[0, 0, 0, 0, 0, 0xffff].join(':')", "''"),
  by(['packages/core/test/random.test.ts'], 'random.ts', 'used += length;', ''),
];
