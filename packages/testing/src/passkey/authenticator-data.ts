/** Writes authenticator data, the half of the signed bytes that the authenticator makes (WebAuthn L3 §6.1). */

/** The eight flags of authenticator data (WebAuthn L3 §6.1), from the lowest bit to the highest. */
export interface Flags {
  /** User present. */
  UP: boolean;
  /** Reserved, bit 1. */
  RFU1: boolean;
  /** User verified. */
  UV: boolean;
  /** Backup eligible: the passkey may be synced (§6.1.3). */
  BE: boolean;
  /** Backup state: the passkey is synced now (§6.1.3). */
  BS: boolean;
  /** Reserved, bit 5. */
  RFU2: boolean;
  /** Attested credential data is included. */
  AT: boolean;
  /** Extension data is included. */
  ED: boolean;
}

const bits: Readonly<Record<keyof Flags, number>> = {
  UP: 0x01,
  RFU1: 0x02,
  UV: 0x04,
  BE: 0x08,
  BS: 0x10,
  RFU2: 0x20,
  AT: 0x40,
  ED: 0x80,
};

/** The parts of authenticator data. The flags are written as given, whether or not the parts they announce are there. */
export interface AuthenticatorDataParts {
  /** SHA-256 of the RP ID, 32 bytes. */
  readonly rpIdHash: Uint8Array;
  readonly flags: Flags;
  /** Unsigned 32-bit. */
  readonly signCount: number;
  /** Attested credential data (§6.5.1), present in a registration only. */
  readonly attested?: {
    /** 16 bytes. */
    readonly aaguid: Uint8Array;
    /** At most 65,535 bytes fit; the specification allows 1,023. */
    readonly credentialId: Uint8Array;
    /** A COSE key in CBOR. */
    readonly publicKey: Uint8Array;
  };
  /** Extension outputs in CBOR. */
  readonly extensions?: Uint8Array;
}

/**
 * The bytes of authenticator data (WebAuthn L3 §6.1, §6.5.1).
 *
 * @throws RangeError when the counter or the length of the credential id does not fit its field.
 */
export function writeAuthenticatorData(parts: AuthenticatorDataParts): Buffer {
  const names = Object.keys(bits) as (keyof Flags)[];
  const flags = names.reduce((byte, name) => (parts.flags[name] ? byte | bits[name] : byte), 0);
  const signCount = Buffer.alloc(4);
  signCount.writeUInt32BE(parts.signCount);
  const fields: Uint8Array[] = [parts.rpIdHash, Buffer.of(flags), signCount];
  if (parts.attested) {
    const { aaguid, credentialId, publicKey } = parts.attested;
    const length = Buffer.alloc(2);
    length.writeUInt16BE(credentialId.length);
    fields.push(aaguid, length, credentialId, publicKey);
  }
  if (parts.extensions) fields.push(parts.extensions);
  return Buffer.concat(fields);
}
