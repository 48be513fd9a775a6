// Making a passkey: for a new account, for who is signed in, or quietly after a password sign-in.
// https://www.w3.org/TR/webauthn-3/#sctn-createCredential

import type { Capabilities } from './capabilities.ts';
import { callBrowser, openSheet, run, runAlone, verify, withDeadline, withTimeLeft } from './ceremony.ts';
import { page, takeOver } from './page.ts';
import { ended, misuse, type RefusalCode, type Registered, type RegistrationResult } from './result.ts';
import type { ClientReport, Issued, Server } from './server.ts';
import { signalUnknown } from './signals.ts';

export interface SignUpOptions {
  username: string;
  displayName?: string;
}

export interface RegisterOptions {
  /** What its owner calls the passkey. */
  nickname?: string;
}

type Creation = Issued<PublicKeyCredentialCreationOptionsJSON>;

/** Newer than the DOM library: https://www.w3.org/TR/webauthn-3/#dom-credentialcreationoptions-mediation */
interface CreationOptions extends CredentialCreationOptions {
  mediation?: 'conditional';
}

/** After these the new passkey is on the device and certainly not on the server. After `passkey_exists` it may be. */
const notStored: RefusalCode[] = ['registration_failed', 'passkey_limit_reached', 'username_unavailable'];

export function signUp(server: Server, options: SignUpOptions): Promise<RegistrationResult> {
  return runAlone(async (can) => {
    const { username, displayName } = options;
    if (!username) return misuse('signUp() needs a username.');
    return register(server, can, { username, displayName }, createWithSheet);
  });
}

export function addPasskey(server: Server, options: RegisterOptions = {}): Promise<RegistrationResult> {
  return runAlone(async (can) => {
    const { nickname } = options;
    return register(server, can, { nickname }, createWithSheet);
  });
}

/** Waits without a sheet, and gives way, like autofill. */
export function upgrade(server: Server): Promise<RegistrationResult> {
  return run(async (can) => {
    if (!can.conditionalCreate) return { kind: 'unsupported' };
    if (page.busy) return { kind: 'busy' };
    const { signal } = takeOver();
    return register(server, can, { mediation: 'conditional' }, (issued) =>
      withDeadline(issued, (deadline) =>
        createPasskey(issued, { mediation: 'conditional', signal: AbortSignal.any([signal, deadline]) }),
      ),
    );
  });
}

async function register(
  server: Server,
  { immediateGet }: Capabilities,
  body: object,
  create: (issued: Creation) => Promise<Credential | null>,
): Promise<RegistrationResult> {
  const issued = await server.options<PublicKeyCredentialCreationOptionsJSON>('registration', body);
  if (issued.kind !== 'issued') return issued;

  const client: ClientReport = { uiMode: 'none', immediateGet };
  const made = await callBrowser(server, issued, client, () => create(issued));
  if (made instanceof Error) return made.name === 'InvalidStateError' ? { kind: 'exists' } : ended(made);

  const result = await verify<Registered>(server, 'registration', issued, made, client);
  if (result.kind === 'refused' && notStored.includes(result.code)) {
    signalUnknown(issued.publicKey.rp.id ?? location.hostname, made.id);
  }
  return result;
}

function createWithSheet(issued: Creation): Promise<Credential | null> {
  return openSheet(issued, (signal) => createPasskey(issued, { signal }));
}

function createPasskey(issued: Creation, how: CreationOptions): Promise<Credential | null> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(withTimeLeft(issued));
  const options: CreationOptions = { ...how, publicKey };
  return navigator.credentials.create(options);
}
