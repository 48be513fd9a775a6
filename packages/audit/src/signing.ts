/** Ed25519 signatures over JSON. Who has the public key can verify and cannot forge. */
import { createPrivateKey, createPublicKey, KeyObject, sign, verify } from 'node:crypto';
import { ConfigurationError } from '@latchkey/core';
import { canonicalJson } from './canonical.ts';

/** A private key, and its name. */
export interface SigningKey {
  /** Names the key in each signature, for those who verify. */
  readonly id: string;
  /** Ed25519, as PEM (`openssl genpkey -algorithm ed25519`) or as a key of node:crypto. */
  readonly privateKey: string | KeyObject;
}

/** Ed25519 public keys by their ids, as PEM (`openssl pkey -pubout`) or as keys of node:crypto. */
export type PublicKeys = Readonly<Record<string, string | KeyObject>>;

/** An Ed25519 signature. */
export interface Signature {
  /** The `id` of the signing key. */
  readonly keyId: string;
  /** Base64url. */
  readonly value: string;
}

/** What a signature is for. It is part of what is signed: a signature for one thing is none for another. */
type Purpose = 'latchkey.checkpoint/1' | 'latchkey.evidence/1';

export type Signer = (purpose: Purpose, signed: object) => Signature;

const INSTEAD = 'Hand in an Ed25519 key as PEM, made with: openssl genpkey -algorithm ed25519';

export function signerOf(option: string, { id, privateKey }: SigningKey): Signer {
  const key = readKey(`${option}.privateKey`, () =>
    privateKey instanceof KeyObject ? privateKey : createPrivateKey(privateKey),
  );
  if (key.type !== 'private') throw new ConfigurationError(`${option}.privateKey`, `a ${key.type} key`, INSTEAD);
  return (purpose, signed) => ({ keyId: id, value: sign(null, bytesOf(purpose, signed), key).toString('base64url') });
}

/** Says whether a signature is by one of the keys: `unknown_key` when its key is not among them. */
export type SignatureCheck = (
  purpose: Purpose,
  signed: object,
  signature: Signature | undefined,
) => 'valid' | 'unsigned' | 'unknown_key' | 'invalid';

export function signatureCheckOf(option: string, keys: PublicKeys): SignatureCheck {
  const byId = new Map(
    Object.entries(keys).map(([id, given]) => [
      id,
      // Also of a private key: its public half.
      readKey(`${option}.${id}`, () =>
        given instanceof KeyObject && given.type === 'public' ? given : createPublicKey(given),
      ),
    ]),
  );
  return (purpose, signed, signature) => {
    if (typeof signature?.keyId !== 'string' || typeof signature.value !== 'string') return 'unsigned';
    const key = byId.get(signature.keyId);
    if (key === undefined) return 'unknown_key';
    const bytes = Buffer.from(signature.value, 'base64url');
    // One spelling only: base64url leaves bits of its last character open.
    const isCanonical = bytes.toString('base64url') === signature.value;
    return isCanonical && verify(null, bytesOf(purpose, signed), key, bytes) ? 'valid' : 'invalid';
  };
}

const bytesOf = (purpose: Purpose, signed: object) => Buffer.from(`${purpose}\n${canonicalJson(signed)}`);

function readKey(option: string, read: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    throw new ConfigurationError(option, 'no key', INSTEAD);
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new ConfigurationError(option, `a key of type ${key.asymmetricKeyType ?? key.type}`, INSTEAD);
  }
  return key;
}
