/**
 * A browser and an authenticator in one, with one passkey in it. It signs for real and refuses what a browser refuses, and
 * a bend (bend.ts) can change everything it says. `register` and `authenticate` follow the order of the specification.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { type AlgorithmName, type AlgorithmNumber, type CoseKey, findAlgorithm } from './algorithm.ts';
import { writeAuthenticatorData } from './authenticator-data.ts';
import { type AnswerBend, type AuthenticationBend, bent, patched, type RegistrationBend } from './bend.ts';
import { encodeCbor } from './cbor.ts';
import type {
  AuthenticationResponseJSON,
  AuthenticatorAttachment,
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
  RegistrationResponseJSON,
} from './webauthn-json.ts';

/** What a software passkey is made of. Only `origin` must be said; the rest defaults to a synced ES256 passkey. */
export interface SoftwarePasskeyOptions {
  /** The origin of the page it is used on, as the browser would write it: no path, no trailing slash. */
  readonly origin: string;
  /** By name or COSE number. Default ES256. */
  readonly algorithm?: AlgorithmName | AlgorithmNumber;
  /** The model of authenticator, a UUID. Default all zeros. */
  readonly aaguid?: string;
  /** Flag BE. Default true. */
  readonly backupEligible?: boolean;
  /** Flag BS. Default as `backupEligible`. */
  readonly backedUp?: boolean;
  /** Flag UV. Default true. With false, a ceremony that requires user verification is refused. */
  readonly userVerified?: boolean;
  /**
   * Given: a counter that starts here and grows by one with every authentication (WebAuthn L3 §6.1.1), unsigned 32-bit.
   * Absent: there is no counter and every answer says 0, as synced passkeys do.
   */
  readonly signCount?: number | undefined;
  /** Default `platform`. */
  readonly authenticatorAttachment?: AuthenticatorAttachment;
  /** Default `internal` and `hybrid`. */
  readonly transports?: readonly string[];
  /** Base64url, of any length. Default 32 random bytes. */
  readonly credentialId?: string;
  /** PKCS #8 in base64url, of a key that fits `algorithm`. Default a new one. */
  readonly privateKey?: string;
  /** The RP ID it is registered with. Set by `register`; given here, it is as if it had been registered. */
  readonly rpId?: string | undefined;
  /** The user handle, base64url. Set by `register`. */
  readonly userHandle?: string | undefined;
}

/** All there is to a passkey, secret key included, as JSON; {@link createSoftwarePasskey} takes it back. */
export type SoftwarePasskeyJSON = Required<Omit<SoftwarePasskeyOptions, 'signCount' | 'rpId' | 'userHandle'>> &
  Pick<SoftwarePasskeyOptions, 'signCount' | 'rpId' | 'userHandle'>;

/** One passkey, in software. */
export interface SoftwarePasskey {
  /** The credential id, base64url. */
  readonly credentialId: string;

  /**
   * Registers this passkey, as `navigator.credentials.create` with attestation `none` (WebAuthn L3 §5.1.3, §6.3.2), and
   * keeps RP ID and user handle. Doing it again is a second registration of the same id and key.
   *
   * @throws DOMException `InvalidStateError`: it is registered with this RP ID and `excludeCredentials` lists it.
   * @throws DOMException `NotSupportedError`: `pubKeyCredParams` does not offer its algorithm.
   * @throws DOMException `NotAllowedError`: user verification is required and this passkey has `userVerified: false`.
   */
  register(options: PublicKeyCredentialCreationOptionsJSON, bend?: RegistrationBend): RegistrationResponseJSON;

  /**
   * Signs the challenge, as `navigator.credentials.get` (WebAuthn L3 §5.1.4, §6.3.3), after adding one to its counter if
   * it has one.
   *
   * @throws DOMException `NotAllowedError`: it is not registered with this RP ID, `allowCredentials` lists others only,
   *   or user verification is required and this passkey has `userVerified: false`.
   * @throws RangeError when its counter is beyond 2^32 - 1.
   */
  authenticate(options: PublicKeyCredentialRequestOptionsJSON, bend?: AuthenticationBend): AuthenticationResponseJSON;

  /**
   * The same passkey once more (same id, same key) with a counter of its own, and with whatever else is to differ:
   * `clone({ signCount: undefined })` has no counter, `clone({ origin })` is used on another page.
   */
  clone(changes?: Partial<SoftwarePasskeyOptions>): SoftwarePasskey;

  /** All there is to it, the private key too, so that another process can go on signing; `JSON.stringify` calls it. */
  toJSON(): SoftwarePasskeyJSON;
}

/**
 * Makes a passkey in software, or brings back one that was written down with `toJSON`.
 *
 * ```ts
 * const passkey = createSoftwarePasskey({ origin: 'https://example.com' });
 * const registration = passkey.register(creationOptions);
 * const assertion = passkey.authenticate(requestOptions, { flags: { UV: false } });
 * ```
 *
 * It does not ask whether `origin` may use the RP ID: that it may not is something to test a server with.
 *
 * @throws TypeError when the options contradict themselves.
 */
export function createSoftwarePasskey(options: SoftwarePasskeyOptions): SoftwarePasskey {
  const algorithm = findAlgorithm(options.algorithm ?? 'ES256');
  const privateKey = options.privateKey === undefined ? algorithm.generate() : readPrivateKey(options.privateKey);
  const publicKey = createPublicKey(privateKey);
  if (privateKey.asymmetricKeyType !== algorithm.keyType) {
    throw new TypeError(
      `privateKey is of type ${privateKey.asymmetricKeyType}; ${algorithm.name} needs a ${algorithm.keyType} key.`,
    );
  }

  const backupEligible = options.backupEligible ?? true;
  const own = {
    origin: options.origin,
    algorithm: algorithm.name,
    aaguid: options.aaguid ?? '00000000-0000-0000-0000-000000000000',
    backupEligible,
    backedUp: options.backedUp ?? backupEligible,
    userVerified: options.userVerified ?? true,
    authenticatorAttachment: options.authenticatorAttachment ?? 'platform',
    transports: options.transports ?? ['internal', 'hybrid'],
    credentialId: options.credentialId ?? base64url(randomBytes(32)),
    privateKey: base64url(privateKey.export({ format: 'der', type: 'pkcs8' })),
  };
  if (own.backedUp && !own.backupEligible) {
    throw new TypeError('backedUp is true and backupEligible false; to send BS without BE, bend the flags.');
  }
  const aaguid = Buffer.from(own.aaguid.replaceAll('-', ''), 'hex');
  if (aaguid.length !== 16) throw new TypeError(`aaguid is ${own.aaguid}; write a UUID.`);

  // What changes in the life of a passkey.
  let { rpId: registeredRpId, userHandle, signCount } = options;

  function register(creation: PublicKeyCredentialCreationOptionsJSON, bend: RegistrationBend = {}) {
    // What a browser refuses, §5.1.3 and §6.3.2.
    const rpId = creation.rp.id ?? new URL(own.origin).hostname;
    const offered = creation.pubKeyCredParams.map(({ alg }) => alg);
    if (offered.length === 0) offered.push(-7, -257);
    if (!offered.includes(algorithm.number)) {
      throw refusal('NotSupportedError', `pubKeyCredParams offers ${offered.join(', ')}, not ${algorithm.number}`);
    }
    if (registeredRpId === rpId && creation.excludeCredentials?.some(({ id }) => id === own.credentialId)) {
      throw refusal('InvalidStateError', 'excludeCredentials lists this passkey');
    }
    refuseUnverified(creation.authenticatorSelection?.userVerification);

    // The browser, §5.8.1.
    const clientDataJSON = writeClientData('webauthn.create', creation.challenge, bend);

    // The authenticator, §6.3.2.
    const authenticatorData = bent<Uint8Array>(
      writeAuthenticatorData({
        ...sharedParts(rpId, bend, { AT: true }),
        attested: {
          aaguid: bent<Uint8Array>(Uint8Array.from(aaguid), bend.aaguid),
          credentialId: bent<Uint8Array>(Buffer.from(own.credentialId, 'base64url'), bend.credentialId),
          publicKey: writePublicKey(bend),
        },
      }),
      bend.authenticatorData,
    );
    const { fmt = 'none', attStmt = new Map() } = bend;
    const signing = { bytes: Buffer.concat([authenticatorData, sha256(clientDataJSON)]), privateKey };
    const attestationObject = bent<Uint8Array>(
      encodeCbor(
        new Map([
          ['fmt', fmt],
          ['attStmt', typeof attStmt === 'function' ? attStmt(signing) : attStmt],
          ['authData', authenticatorData],
        ]),
      ),
      bend.attestationObject,
    );
    registeredRpId = rpId;
    userHandle = creation.user.id;

    // The answer, §5.1.8.
    const response = {
      clientDataJSON: base64url(clientDataJSON),
      authenticatorData: base64url(authenticatorData),
      attestationObject: base64url(attestationObject),
      transports: [...own.transports],
      publicKey: base64url(publicKey.export({ format: 'der', type: 'spki' })),
      publicKeyAlgorithm: algorithm.number,
    };
    const extensionResults = creation.extensions?.credProps ? { credProps: { rk: true } } : {};
    return finish(patched(response, bend, ['transports']), extensionResults, bend);
  }

  function authenticate(request: PublicKeyCredentialRequestOptionsJSON, bend: AuthenticationBend = {}) {
    // What a browser refuses, §5.1.4 and §6.3.3.
    const rpId = request.rpId ?? new URL(own.origin).hostname;
    if (registeredRpId !== rpId) {
      throw refusal('NotAllowedError', `this passkey is registered with ${registeredRpId ?? 'no RP ID'}, not ${rpId}`);
    }
    const allowed = request.allowCredentials ?? [];
    if (allowed.length > 0 && !allowed.some(({ id }) => id === own.credentialId)) {
      throw refusal('NotAllowedError', 'allowCredentials does not list this passkey');
    }
    refuseUnverified(request.userVerification);

    // The browser, §5.8.1.
    const clientDataJSON = writeClientData('webauthn.get', request.challenge, bend);

    // The authenticator, §6.3.3.
    if (signCount !== undefined) signCount += 1;
    const authenticatorData = bent<Uint8Array>(
      writeAuthenticatorData(sharedParts(rpId, bend, { AT: false })),
      bend.authenticatorData,
    );
    const bytes = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
    const genuine = sign(algorithm.hash, bytes, privateKey);
    const { signature = genuine, afterSigning } = bend;

    // The answer, §5.1.8.
    const response = {
      clientDataJSON: base64url(bent(clientDataJSON, afterSigning?.clientDataJSON)),
      authenticatorData: base64url(bent(authenticatorData, afterSigning?.authenticatorData)),
      signature: base64url(typeof signature === 'function' ? signature(genuine, { bytes, privateKey }) : signature),
      userHandle,
    };
    return finish(patched(response, bend, ['userHandle']), {}, bend);
  }

  function refuseUnverified(userVerification: string | undefined) {
    if (userVerification === 'required' && !own.userVerified) {
      throw refusal(
        'NotAllowedError',
        'user verification is required and userVerified is false; to send UV=0, bend the flags',
      );
    }
  }

  function writeClientData(type: string, challenge: string, bend: AnswerBend<never>): Uint8Array {
    const genuine = { type, challenge, origin: own.origin, crossOrigin: false };
    const { clientData = {} } = bend;
    const said = typeof clientData === 'function' ? clientData(genuine) : patched(genuine, clientData);
    return bent<Uint8Array>(Buffer.from(JSON.stringify(said)), bend.clientDataJSON);
  }

  function sharedParts(rpId: string, bend: AnswerBend<never>, { AT }: { AT: boolean }) {
    const extensions = bend.extensions && encodeCbor(bend.extensions);
    const flags = {
      UP: true,
      RFU1: false,
      UV: own.userVerified,
      BE: own.backupEligible,
      BS: own.backedUp,
      RFU2: false,
      AT,
      ED: extensions !== undefined,
    };
    return {
      rpIdHash: bent<Uint8Array>(sha256(bend.rpId ?? rpId), bend.rpIdHash),
      flags: { ...flags, ...bend.flags },
      signCount: bent(signCount ?? 0, bend.signCount),
      ...(extensions && { extensions }),
    };
  }

  function writePublicKey({ publicKey: bend }: RegistrationBend): Uint8Array {
    const genuine: CoseKey = algorithm.coseKey(publicKey.export({ format: 'jwk' }));
    const key = typeof bend === 'function' ? bend(genuine) : (bend ?? genuine);
    return key instanceof Uint8Array ? key : encodeCbor(key);
  }

  /** The JSON around a response. The one place where a bent answer is given out under the type of a genuine one. */
  function finish<Answer>(response: object, clientExtensionResults: object, bend: AnswerBend<Answer>): Answer {
    const genuine = {
      id: own.credentialId,
      rawId: own.credentialId,
      type: 'public-key',
      authenticatorAttachment: own.authenticatorAttachment,
      clientExtensionResults,
      response,
    };
    const members = ['id', 'rawId', 'authenticatorAttachment', 'clientExtensionResults'];
    const answer = patched(genuine, bend, members) as Answer;
    return bend.answer ? (bend.answer(answer) as Answer) : answer;
  }

  function toJSON(): SoftwarePasskeyJSON {
    return {
      ...own,
      ...(registeredRpId !== undefined && { rpId: registeredRpId }),
      ...(userHandle !== undefined && { userHandle }),
      ...(signCount !== undefined && { signCount }),
    };
  }

  return {
    credentialId: own.credentialId,
    register,
    authenticate,
    clone: (changes = {}) => createSoftwarePasskey({ ...toJSON(), ...changes }),
    toJSON,
  };
}

function readPrivateKey(pkcs8: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(pkcs8, 'base64url'), format: 'der', type: 'pkcs8' });
}

function refusal(name: string, message: string): DOMException {
  return new DOMException(`The software passkey refuses: ${message}.`, name);
}

function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
