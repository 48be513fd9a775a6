/**
 * The table of sources: where other systems keep each part of a passkey, column by column, and what they do not keep. What a
 * row lacks is said, never made up.
 */

/** What a passkey is read from. */
export const FIELDS = [
  'credentialId',
  'publicKey',
  'userId',
  'userHandle',
  'signCount',
  'backupEligible',
  'backedUp',
  'transports',
  'aaguid',
  'rpId',
  'nickname',
  'enabled',
  'createdAt',
  'lastUsedAt',
] as const;
export type Field = (typeof FIELDS)[number];

export interface Source {
  readonly title: string;
  readonly table: string;
  /** The users' table, where a column of it is needed. */
  readonly users?: { readonly table: string; readonly on: string; readonly key: string; readonly column: string };
  /** Names that a field's column goes by; the first that a row has. Case and underscores do not count. */
  readonly columns: Readonly<Partial<Record<Field, readonly string[]>>>;
}

/** A name that a row's own key goes by as well: see `credentialIdColumn`. */
export const ANY_ID = 'id';

export const SOURCES = {
  simplewebauthn: {
    title: 'tables of your own around SimpleWebAuthn',
    table: 'passkeys',
    columns: {
      credentialId: ['credentialID', 'cred_id', 'publicKeyCredentialId', 'external_id', 'raw_id', 'key_handle', ANY_ID],
      publicKey: ['publicKey', 'credentialPublicKey', 'cred_public_key', 'public_key_cose', 'public_key_cbor'],
      userId: ['userId', 'internal_user_id', 'user'],
      userHandle: ['webauthnUserID', 'userHandle'],
      signCount: ['counter', 'signCount'],
      // `deviceType` is its word for backup eligibility.
      backupEligible: ['backupEligible', 'deviceType', 'credentialDeviceType'],
      backedUp: ['backedUp', 'credentialBackedUp', 'backup_status', 'backup_state'],
      transports: ['transports'],
      aaguid: ['aaguid'],
      rpId: ['rpId'],
      nickname: ['nickname', 'name', 'friendly_name', 'user_label'],
      createdAt: ['createdAt'],
      lastUsedAt: ['lastUsedAt', 'lastUsed'],
    },
  },
  'better-auth': {
    title: "better-auth's table passkey",
    table: 'passkey',
    columns: {
      credentialId: ['credentialID'],
      publicKey: ['publicKey'],
      userId: ['userId'],
      // Its user handle is random for each registration and kept nowhere. Old tables have a webauthnUserID: another random one.
      signCount: ['counter'],
      backupEligible: ['deviceType'],
      backedUp: ['backedUp'],
      transports: ['transports'],
      aaguid: ['aaguid'],
      nickname: ['name'],
      createdAt: ['createdAt'],
    },
  },
  passport: {
    title: "the tables of passport-fido2-webauthn's example",
    table: 'public_key_credentials',
    users: { table: 'users', on: 'user_id', key: 'id', column: 'handle' },
    columns: {
      credentialId: ['external_id'],
      publicKey: ['public_key'],
      userId: ['user_id'],
      userHandle: ['handle'],
    },
  },
  'django-passkeys': {
    title: "django-passkeys' table",
    table: 'passkeys_userpasskey',
    columns: {
      credentialId: ['credential_id'],
      // Attested credential data: the AAGUID, the credential id and the key.
      publicKey: ['token'],
      // `dumpdata` writes `user`.
      userId: ['user_id', 'user'],
      // The handle is made of the user name, in one of two ways that depend on versions then in use: which one is not kept.
      nickname: ['name'],
      enabled: ['enabled'],
      createdAt: ['added_on'],
      lastUsedAt: ['last_used'],
    },
  },
} as const satisfies Record<string, Source>;

export type SourceName = keyof typeof SOURCES;

/** Columns that go by another name. */
export type ColumnNames = Readonly<Partial<Record<Field, string>>>;

/** What a column may be called: what the user says, or the source's own names. */
export function namesOf(source: Source, mapped: ColumnNames, field: Field): readonly string[] {
  return mapped[field] === undefined ? (source.columns[field] ?? []) : [mapped[field]];
}
