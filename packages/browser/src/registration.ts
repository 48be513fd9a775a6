// Making a passkey: for a new account, for who is signed in, or quietly after a password sign-in.
// https://www.w3.org/TR/webauthn-3/#sctn-createCredential

import type { Support } from './capabilities.ts';
import { callBrowser, openSheet, run, runAlone, verify, withDeadline } from './ceremony.ts';
import { credentialIdOf, readAttestation } from './credential.ts';
import { creationOptions } from './options.ts';
import type { CreationOptionsJSON } from './options-json.ts';
import { page, takeOver } from './page.ts';
import type { Server } from './prepared.ts';
import { ended, misuse, type Registered, type RegistrationResult } from './result.ts';
import type { ClientReport, Issued } from './server.ts';
import type { Authenticator } from './sign-in.ts';
import { signalUnknown } from './signals.ts';

/** The options of `signUp`. */
export interface SignUpOptions {
  /** What the person will be known by: an e-mail address, say. */
  username: string;
  /** What the browser shows beside it. Default: the username. */
  displayName?: string;
  /** Where the passkey should be kept. Without it the browser asks. */
  authenticator?: Authenticator;
}

/** The options of `register`. */
export interface RegisterOptions {
  /** What its owner calls the passkey. */
  nickname?: string;
  /** Where the passkey should be kept. Without it the browser asks. */
  authenticator?: Authenticator;
  /** The token of an invitation, from the fragment of its link. It is good in the browser that used it first. */
  invitation?: string;
  /** The page offered it, after `offer()`: for the server's figures. */
  offered?: boolean;
}

type Creation = Issued<CreationOptionsJSON>;

/** Newer than the DOM library: https://www.w3.org/TR/webauthn-3/#dom-credentialcreationoptions-mediation */
interface CreationOptions extends CredentialCreationOptions {
  mediation?: 'conditional';
}

/**
 * After these codes the new passkey is on the device and certainly not on the server: registration_failed, user_verification_unavailable,
 * username_unavailable, invitation_…, passkey_limit_reached. After `passkey_exists` it may be.
 */
const notStored = /^(registration|user|invitation|passkey_limit)/;

export function signUp(server: Server, options: SignUpOptions): Promise<RegistrationResult> {
  return runAlone('create', async (can) =>
    options.username ? register(server, can, options, createWithSheet) : misuse('signUp() needs a username.'),
  );
}

export function addPasskey(server: Server, options: RegisterOptions = {}): Promise<RegistrationResult> {
  return runAlone('create', (can) => register(server, can, options, createWithSheet));
}

/** Waits without a sheet, and gives way, like autofill. */
export function upgrade(server: Server): Promise<RegistrationResult> {
  return run('create', async (can) => {
    if (!can.conditionalCreate) return { kind: 'unsupported' };
    if (page.busy) return { kind: 'busy' };
    const outer = takeOver().signal;
    return register(server, can, { mediation: 'conditional' }, (issued) =>
      withDeadline(issued, (signal) => createPasskey(issued, { mediation: 'conditional', signal }), outer),
    );
  });
}

async function register(
  server: Server,
  { immediateGet }: Support,
  wanted: object,
  create: (issued: Creation) => Promise<unknown>,
): Promise<RegistrationResult> {
  const issued = await server.options<CreationOptionsJSON>('registration', wanted, {});
  if (issued.kind !== 'issued') return issued;

  const forget = (id: string) => signalUnknown(issued.publicKey.rp.id, id);
  const client: ClientReport = { uiMode: 'none', immediateGet };
  const made = await callBrowser(server, issued, client, () => create(issued), readAttestation);
  if ('failure' in made) {
    const id = credentialIdOf(made.given);
    if (id) forget(id);
    return made.failure.name === 'InvalidStateError' ? { kind: 'exists' } : ended(made.failure);
  }

  // The invitation among what is wanted has to come along; the rest is ignored.
  const result = await verify<Registered>(server, 'registration', issued, made.credential, client, 'user', wanted);
  if (result.kind === 'refused' && notStored.test(result.code)) forget(made.credential.id);
  return result;
}

function createWithSheet(issued: Creation): Promise<unknown> {
  return openSheet(issued, (signal) => createPasskey(issued, { signal }));
}

function createPasskey(issued: Creation, how: CreationOptions): Promise<unknown> {
  const options: CreationOptions = { ...how, publicKey: creationOptions(issued) };
  return navigator.credentials.create(options);
}
