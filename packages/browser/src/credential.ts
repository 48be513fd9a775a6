// What get() and create() gave, written as JSON by us. A password manager's extension answers with an object of its own:
// a getter may throw, bytes come in many forms, and toJSON() may be missing, throw or lie, so it is never called.
// https://www.w3.org/TR/webauthn-3/#dictdef-registrationresponsejson

import { bytesOf, encode } from './bytes.ts';

/** `AuthenticationResponseJSON` or `RegistrationResponseJSON`, as far as the server reads them. */
export interface CredentialJSON {
  id: string;
  rawId: string;
  type: 'public-key';
  authenticatorAttachment?: string;
  response: { [member: string]: string | string[] };
  clientExtensionResults: { credProps?: { rk: boolean } };
}

/** The member that cannot be read. */
export interface UnreadableMember {
  unreadable: string;
}

export function readAssertion(given: unknown): CredentialJSON | UnreadableMember {
  const answer = readCredential(given, 'authenticatorData', 'signature');
  const userHandle = encode(bytesOf(read(read(given, 'response'), 'userHandle')));
  // A handle has at least one byte: no bytes mean none. https://www.w3.org/TR/webauthn-3/#user-handle
  if ('response' in answer && userHandle) answer.response.userHandle = userHandle;
  return answer;
}

export function readAttestation(given: unknown): CredentialJSON | UnreadableMember {
  const answer = readCredential(given, 'attestationObject');
  const response = read(given, 'response');
  const transports = call(response, 'getTransports') ?? read(response, 'transports');
  const texts = attempt(() => (transports as unknown[]).filter((transport) => typeof transport === 'string'));
  if ('response' in answer && texts) answer.response.transports = texts;
  return answer;
}

/** The credential id as base64url: of `rawId`, else of `id`. Empty when neither can be read. */
export function credentialIdOf(given: unknown): string {
  return encode(bytesOf(read(given, 'rawId'))) || encode(bytesOf(read(given, 'id')));
}

/** A member, or undefined where it cannot be read. */
export function read(object: unknown, name: string): unknown {
  return attempt(() => (object as { [name: string]: unknown })[name]);
}

function call(object: unknown, method: string): unknown {
  return attempt(() => (object as { [name: string]: () => unknown })[method]!());
}

function attempt<T>(reading: () => T): T | undefined {
  try {
    return reading();
  } catch {
    return undefined;
  }
}

function readCredential(given: unknown, ...members: string[]): CredentialJSON | UnreadableMember {
  const id = credentialIdOf(given);
  if (!id) return { unreadable: 'rawId' };

  const response: CredentialJSON['response'] = {};
  for (const member of ['clientDataJSON', ...members]) {
    const text = encode(bytesOf(read(read(given, 'response'), member)));
    if (!text) return { unreadable: `response.${member}` };
    response[member] = text;
  }

  const attachment = read(given, 'authenticatorAttachment');
  const extensions = call(given, 'getClientExtensionResults') ?? read(given, 'clientExtensionResults');
  const rk = read(read(extensions, 'credProps'), 'rk');
  return {
    id,
    rawId: id,
    type: 'public-key',
    ...(typeof attachment === 'string' && { authenticatorAttachment: attachment }),
    response,
    // Only what the server asks for: other extensions hand out secrets (prf) or much data (largeBlob).
    clientExtensionResults: typeof rk === 'boolean' ? { credProps: { rk } } : {},
  };
}
