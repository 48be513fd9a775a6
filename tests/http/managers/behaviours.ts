/**
 * Password managers and authenticators as people have them: what each was seen to do, where that is written down, and what
 * must happen here. One line each; managers.test.ts holds them over HTTP.
 */
import type { AttemptRecord, PasskeyView, PolicyOptions, Reason } from '@latchkey/core';
import {
  type AuthenticationBend,
  encodeCbor,
  packedAttestation,
  type RegistrationBend,
  type SoftwarePasskeyOptions,
} from '@latchkey/testing';

export interface Behaviour {
  /** Who does what. */
  readonly name: string;
  /** The project and issue where it was reported, or the section of WebAuthn Level 3. */
  readonly source: string;
  /** The passkey, where it is not a synced one of the ordinary kind. */
  readonly passkey?: Omit<SoftwarePasskeyOptions, 'origin'>;
  /** What its answer to a registration has changed in it. */
  readonly registers?: RegistrationBend;
  /** The same passkey when it is used later: in another release, on another device. */
  readonly becomes?: Partial<SoftwarePasskeyOptions>;
  /** What its answers to sign-in and step-up have changed in them. */
  readonly answers?: AuthenticationBend;
  /** Default: the default policy. */
  readonly policy?: PolicyOptions;
  /** The reason of the refusal at each; absent: accepted. */
  readonly refused?: Partial<Record<'registration' | 'signIn' | 'stepUp', Reason>>;
  /** What the records say of it, where that is not what it always says. */
  readonly registered?: Partial<AttemptRecord['credential']>;
  readonly used?: Partial<AttemptRecord['assertion']>;
  /** The list of passkeys, after all of it. */
  readonly listed?: Partial<PasskeyView>;
  /** The transports that options send back; absent: none. */
  readonly offered?: readonly string[];
}

const DEVICE_BOUND = { backupEligible: false, transports: ['usb'] } as const;
const MODEL = '8f3b1a52-6d1c-4c57-9f0e-3f1d2a7b9c10';

/** Authenticator data of an assertion with attested data in it, as of another model: flag AT, AAGUID, id, COSE key. */
const withAttestedData: AuthenticationBend = {
  flags: { AT: true },
  authenticatorData: (genuine) =>
    Buffer.concat([
      genuine,
      Buffer.alloc(16, 7),
      Buffer.of(0, 16),
      Buffer.alloc(16, 9),
      encodeCbor(
        new Map<number, number | Uint8Array>([
          [1, 2],
          [3, -7],
          [-1, 1],
          [-2, Buffer.alloc(32, 1)],
          [-3, Buffer.alloc(32, 2)],
        ]),
      ),
    ]),
};

/** A member more in the attestation object: its head counts one more. */
const withAnotherMember: RegistrationBend = {
  attestationObject: (genuine) =>
    Buffer.concat([Buffer.of(genuine[0]! + 1), genuine.subarray(1), encodeCbor('epAtt'), encodeCbor(false)]),
};

const FLAGS: readonly Behaviour[] = [
  {
    name: 'iCloud Keychain registers before its first sync, and says afterwards that the passkey may be synced',
    source: 'supabase/auth issue 2732',
    passkey: { backupEligible: false, transports: ['hybrid', 'internal'] },
    becomes: { backupEligible: true, backedUp: true },
    used: { backupEligible: true, backedUp: true, backupEligibleChanged: true },
    listed: { deviceBound: false, backedUp: true },
  },
  {
    name: 'KeePassXC 2.7.12 sets both flags for passkeys of older releases, which set none',
    source: 'keepassxreboot/keepassxc issue 13239, pull request 13042',
    passkey: { backupEligible: false, transports: ['internal'] },
    becomes: { backupEligible: true, backedUp: true },
    used: { backupEligible: true, backupEligibleChanged: true },
    listed: { deviceBound: false },
  },
  {
    name: '1Password flips the flag between registration and sign-in',
    source: 'openilink/openilink-hub issue 73',
    passkey: { backupEligible: false },
    becomes: { backupEligible: true, backedUp: true },
    used: { backupEligibleChanged: true },
    listed: { deviceBound: false },
  },
  {
    name: 'KeePassXC before 2.7.12 clears the flags of a passkey that KeePassium made',
    source: 'keepassium/KeePassium issue 444, pocket-id/pocket-id issue 397',
    passkey: { backupEligible: true, backedUp: true },
    becomes: { backupEligible: false, backedUp: false },
    used: { backupEligible: false, backedUp: false, backupEligibleChanged: true },
    // That it could be copied once is not forgotten.
    listed: { deviceBound: false, backedUp: false },
  },
  {
    name: 'Bitwarden copies passkeys that it registered as bound to their device: not where the policy wants them bound',
    source: 'bitwarden/clients issue 7943',
    passkey: { backupEligible: false },
    becomes: { backupEligible: true, backedUp: true },
    policy: { deviceBound: true },
    refused: { signIn: 'policy_denied', stepUp: 'policy_denied' },
    used: { backupEligibleChanged: true },
    listed: { deviceBound: true },
    offered: ['internal', 'hybrid'],
  },
  {
    name: 'a flag that clears makes no passkey device-bound',
    source: 'WebAuthn §6.1.3',
    passkey: { backupEligible: true },
    becomes: { backupEligible: false, backedUp: false },
    policy: { deviceBound: true },
    refused: { registration: 'policy_denied' },
  },
  {
    name: 'a flag that flips is refused where the policy says so',
    source: 'WebAuthn §7.2 step 19, go-webauthn/webauthn pull request 240',
    passkey: { backupEligible: false },
    becomes: { backupEligible: true },
    policy: { backupEligibility: 'refuse' },
    refused: { signIn: 'backup_state_invalid', stepUp: 'backup_state_invalid' },
    used: { backupEligibleChanged: true },
    listed: { deviceBound: true },
    offered: ['internal', 'hybrid'],
  },
  {
    name: 'synchronisation is switched off: the passkey is backed up no more',
    source: 'WebAuthn §6.1.3',
    becomes: { backedUp: false },
    used: { backupEligible: true, backedUp: false, backupEligibleChanged: false },
    listed: { deviceBound: false, backedUp: false },
  },
  {
    name: 'KeePassDX says of passkeys of KeePassXC that they are backed up and may not be, which no passkey can be',
    source: 'Kunzisoft/KeePassDX issue 2296, WebAuthn §7.2 step 18',
    passkey: { backupEligible: false },
    answers: { flags: { BS: true } },
    refused: { signIn: 'backup_state_invalid', stepUp: 'backup_state_invalid' },
    offered: ['internal', 'hybrid'],
  },
  {
    name: 'a security key without a PIN cannot verify its user',
    source: 'WebAuthn §7.1 step 16; U2F keys, CTAP 2.2 §7.1',
    passkey: DEVICE_BOUND,
    registers: { flags: { UV: false } },
    refused: { registration: 'user_verification_missing' },
  },
  {
    name: 'a security key without a PIN signs in where the policy only prefers verification',
    source: 'WebAuthn §5.8.6',
    passkey: { ...DEVICE_BOUND, userVerified: false },
    policy: { userVerification: 'preferred' },
    used: { userVerified: false },
    listed: { deviceBound: true },
    offered: ['usb'],
  },
];

const COUNTERS: readonly Behaviour[] = [
  {
    name: 'synced passkeys do not count',
    source: 'WebAuthn §6.1.1; keepassxreboot/keepassxc issue 13323; bitwarden/clients pull request 8024',
    used: { signCount: 'zero' },
  },
  {
    name: 'Touch ID in Chrome counted by the clock, and then no more: known for what it is, and let in',
    source: 'w3c/webauthn issue 1734',
    passkey: { backupEligible: false, signCount: 1_620_000_000, transports: ['internal'] },
    becomes: { signCount: undefined },
    used: { signCount: 'regressed' },
    offered: ['internal'],
  },
  {
    name: 'Bitwarden counted, and Keyguard answers 0 for the same passkey: nothing disables it',
    source: 'AChep/keyguard-app issue 635; FIDO Credential Exchange Format 1.0: importers set the counter to 0',
    passkey: { signCount: 41 },
    becomes: { signCount: undefined },
    policy: { signCount: 'disable' },
    used: { signCount: 'reset' },
    listed: { enabled: true },
  },
  {
    name: 'a database that is synced as a file counts for each device: lower, and let in',
    source: 'WebAuthn §6.1.1',
    passkey: { signCount: 41 },
    becomes: { signCount: 7 },
    used: { signCount: 'regressed' },
    listed: { enabled: true },
  },
  {
    name: 'a counter that always says the same is a counter that does not advance',
    source: 'WebAuthn §7.2 step 22',
    passkey: { ...DEVICE_BOUND, signCount: 1 },
    becomes: { signCount: undefined },
    answers: { signCount: 1 },
    used: { signCount: 'regressed' },
    offered: ['usb'],
  },
  {
    name: 'a counter that goes backwards is disabled where the policy says so',
    source: 'WebAuthn §7.2 step 22',
    passkey: { ...DEVICE_BOUND, signCount: 41 },
    becomes: { signCount: 7 },
    policy: { signCount: 'disable' },
    refused: { signIn: 'sign_count_regressed' },
    used: { signCount: 'regressed' },
    listed: { enabled: false },
  },
];

const TRANSPORTS: readonly Behaviour[] = [
  {
    name: 'Bitwarden says ["internal"], and Windows then hides phones: options send no transports back',
    source: 'bitwarden/clients issue 10649',
    passkey: { transports: ['internal'] },
    listed: { transports: ['internal'] },
  },
  {
    name: 'Bitwarden says ["hybrid"], and from 2026.6 on does not offer it for that',
    source: 'bitwarden/clients issue 21750, NodeBB/nodebb-plugin-2factor pull request 123',
    passkey: { transports: ['hybrid'] },
    listed: { transports: ['hybrid'] },
  },
  {
    name: 'Firefox on Android says "cable", which no list has',
    source: 'w3c/webauthn issue 2286; WebAuthn §5.2.1.1: accept and store unknown values',
    passkey: { ...DEVICE_BOUND, transports: ['cable', 'internal'] },
    listed: { transports: ['cable', 'internal'] },
    offered: ['cable', 'internal'],
  },
  {
    name: 'iCloud Keychain says the empty word',
    source: 'Yubico/java-webauthn-server issue 386',
    passkey: { transports: [''] },
    listed: { transports: [] },
  },
  {
    name: 'Ledger keys say none',
    source: 'LedgerHQ/app-security-key issue 81',
    passkey: { ...DEVICE_BOUND, transports: [] },
    listed: { transports: [], deviceBound: true },
  },
  {
    name: 'a browser without getTransports() sends nothing',
    source: 'keycloak/keycloak pull request 10028, better-auth/better-auth pull request 9746',
    passkey: DEVICE_BOUND,
    registers: { transports: undefined },
    listed: { transports: [] },
  },
  {
    name: 'a security key is found by the ways it was registered with',
    source: 'WebAuthn §7.1 step 27',
    passkey: { ...DEVICE_BOUND, transports: ['nfc', 'usb'] },
    listed: { transports: ['nfc', 'usb'] },
    offered: ['nfc', 'usb'],
  },
];

const HANDLES: readonly Behaviour[] = [
  {
    name: 'Safari writes an empty user handle where there is none',
    source: 'Yubico/java-webauthn-server issue 327',
    passkey: DEVICE_BOUND,
    answers: { userHandle: '' },
    // Nobody was named, so the passkey must say whose it is. A step-up names the person.
    refused: { signIn: 'user_handle_mismatch' },
    offered: ['usb'],
  },
  {
    name: 'a security key leaves the user handle out where the passkey was named to it',
    source: 'WebAuthn §6.3.3 step 13',
    passkey: DEVICE_BOUND,
    answers: { userHandle: undefined },
    refused: { signIn: 'user_handle_mismatch' },
    offered: ['usb'],
  },
  {
    name: 'null stands for no user handle',
    source: 'w3c/webauthn issue 1722; WebAuthn §5.2.2',
    passkey: DEVICE_BOUND,
    answers: { userHandle: null },
    refused: { signIn: 'user_handle_mismatch' },
    offered: ['usb'],
  },
];

const MODELS: readonly Behaviour[] = [
  {
    name: 'no model is named, as browsers do for security keys under attestation none',
    source: 'MasterKale/SimpleWebAuthn issue 692, w3c/webauthn issue 1962',
    registered: { aaguid: '00000000-0000-0000-0000-000000000000' },
    listed: { provider: null, nickname: 'Passkey' },
  },
  {
    name: 'the model is named under attestation none',
    source: 'w3c/webauthn pull requests 2058 and 2199',
    passkey: { aaguid: 'd548826e-79b4-db40-a3d8-11116f7e8349' },
    registered: { aaguid: 'd548826e-79b4-db40-a3d8-11116f7e8349' },
    listed: { provider: 'Bitwarden', nickname: 'Bitwarden' },
  },
  {
    name: 'a model that nobody knows',
    source: 'WebAuthn §6.5.1',
    passkey: { aaguid: MODEL },
    registered: { aaguid: MODEL },
    listed: { provider: null, nickname: 'Passkey' },
  },
  {
    name: 'an assertion names another model in attested data, which counts for nothing',
    source: 'WebAuthn §6.1: attested data is for registrations; assertions of 187 and 210 bytes were seen',
    passkey: { aaguid: 'd548826e-79b4-db40-a3d8-11116f7e8349' },
    answers: withAttestedData,
    listed: { provider: 'Bitwarden' },
  },
];

const ANSWERS: readonly Behaviour[] = [
  {
    name: 'Keepass2Android leaves the client extension results out',
    source: 'PhilippC/keepass2android issue 2099',
    registers: { clientExtensionResults: undefined },
    answers: { clientExtensionResults: undefined },
    registered: { discoverableReported: null },
  },
  {
    name: 'results of extensions that nobody asked for, and of shapes that no extension has',
    source: 'WebAuthn §9.3: ignore what was not asked for; f-23/react-native-passkey issue 69 (largeBlob)',
    registers: { clientExtensionResults: { largeBlob: {}, credProps: { rk: 'yes' }, prf: [null], 'x y': 1 } },
    answers: { clientExtensionResults: ['largeBlob'] },
    registered: { discoverableReported: null },
  },
  {
    name: 'a browser says that the passkey is not discoverable: a claim, and kept in the record',
    source: 'WebAuthn §10.1.3',
    registers: { clientExtensionResults: { credProps: { rk: false } } },
    registered: { discoverableReported: false },
  },
  {
    name: 'signed outputs of extensions that nobody asked for',
    source: 'WebAuthn §9: extension outputs may be unsolicited',
    registers: { extensions: new Map([['credProtect', 2]]) },
    answers: { extensions: new Map([['uvm', [[2, 4, 2]]]]) },
  },
  {
    name: 'no attachment, as Bitwarden and old Safari answer',
    source: 'bitwarden/clients issue 6769, duo-labs/py_webauthn issue 140',
    registers: { authenticatorAttachment: undefined },
    answers: { authenticatorAttachment: undefined },
    registered: { attachmentReported: null },
  },
  {
    name: 'an attachment that no list has',
    source: 'WebAuthn §5.1: relying parties treat unknown values as absent',
    registers: { authenticatorAttachment: 'implant' },
    answers: { authenticatorAttachment: 7 },
    registered: { attachmentReported: null },
  },
  {
    name: 'iOS applications leave crossOrigin out of client data',
    source: 'f-23/react-native-passkey issue 26',
    registers: { clientData: { crossOrigin: undefined } },
    answers: { clientData: { crossOrigin: undefined } },
  },
  {
    name: 'Android and Chrome add members to client data',
    source: 'webauthn-open-source/fido2-lib issue 149 (androidPackageName); WebAuthn §5.8.1.2: ignore unknown members',
    registers: { clientData: { androidPackageName: 'com.android.chrome', other_keys_can_be_added_here: 'see goo.gl' } },
    answers: { clientData: { androidPackageName: 'com.android.chrome', extraData: ['x'] } },
  },
  {
    name: 'Level 2’s token binding, with a status that no list has',
    source: 'WebAuthn §5.8.1: reserved, ignore; Feitian and YubiKey registrations of 2017 and 2018',
    registers: { clientData: { tokenBinding: { status: 'not-supported' } } },
    answers: { clientData: { tokenBinding: 'supported' } },
  },
];

const STATEMENTS: readonly Behaviour[] = [
  {
    name: 'Touch ID in Chrome attests to itself',
    source: 'koesie10/webauthn-demo issue 1, w3c/webauthn issue 2146',
    passkey: { ...DEVICE_BOUND, transports: ['internal'] },
    registers: packedAttestation(),
    registered: { attestationFormat: 'packed' },
    offered: ['internal'],
  },
  {
    name: 'Firefox on Windows sends a statement that nobody asked for',
    source: 'w3c/webauthn issue 1485',
    passkey: { ...DEVICE_BOUND, transports: ['internal'] },
    registers: { fmt: 'tpm', attStmt: new Map([['ver', '2.0']]) },
    registered: { attestationFormat: 'tpm' },
    offered: ['internal'],
  },
  {
    name: 'a format that came after us',
    source: 'w3c/webauthn issue 1485; WebAuthn §8.9',
    registers: { fmt: 'compound', attStmt: [] },
    registered: { attestationFormat: 'compound' },
  },
  {
    name: 'no attestation, with a statement all the same',
    source: 'WebAuthn §8.7: the statement is empty; nothing follows from it',
    registers: { attStmt: new Map([['sig', Buffer.alloc(8)]]) },
    registered: { attestationFormat: 'none' },
  },
  {
    name: 'an attestation object with a member of CTAP 2.1',
    source: 'CTAP 2.1 §6.1.2 (epAtt); WebAuthn §6.5.4',
    registers: withAnotherMember,
    registered: { attestationFormat: 'none' },
  },
];

const IDS: readonly Behaviour[] = (
  [
    [16, 'Bitwarden and 1Password', 'WebAuthn §4 “Credential ID”: at least 16 bytes'],
    [20, 'iCloud Keychain', 'f-23/react-native-passkey issue 69'],
    [24, '1Password', 'registrations of 1Password in 2023'],
    [34, '1Password', 'registrations of 1Password in 2024'],
    [41, '1Password', 'registrations of 1Password in 2024'],
    [65, 'Android', 'MasterKale/SimpleWebAuthn issue 705'],
    [1_023, 'keys that keep nothing', 'WebAuthn §7.1 step 25: at most 1,023 bytes'],
  ] as const
).map(([length, who, source]) => ({
  name: `ids of ${length} bytes: ${who}`,
  source,
  passkey: {
    credentialId: Buffer.from(Array.from({ length }, (_, index) => (index * 89 + length) % 256)).toString('base64url'),
  },
}));

export const BEHAVIOURS: readonly Behaviour[] = [
  ...FLAGS,
  ...COUNTERS,
  ...TRANSPORTS,
  ...HANDLES,
  ...MODELS,
  ...ANSWERS,
  ...STATEMENTS,
  ...IDS,
];
