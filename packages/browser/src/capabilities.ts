// What this browser can do, asked of the browser and never guessed from its name.

import { within } from './waiting.ts';

export interface Capabilities {
  /** WebAuthn with its JSON methods: without them nothing here works, and ceremonies resolve to `unsupported`. */
  passkeys: boolean;
  /** One click, a passkey that is on this device, or nothing: Immediate UI mode. */
  immediateGet: boolean;
  /** Passkeys in the autofill of an input field. */
  conditionalGet: boolean;
  /** A passkey made without a sheet after a password sign-in. */
  conditionalCreate: boolean;
}

/** https://www.w3.org/TR/webauthn-3/#sctn-getClientCapabilities; a browser that does not answer in time has none of them. */
export async function capabilities(): Promise<Capabilities> {
  const known: Partial<Capabilities> = await within(2_000, () => PublicKeyCredential.getClientCapabilities()).catch(
    () => ({}),
  );
  return {
    passkeys: 'parseRequestOptionsFromJSON' in (globalThis.PublicKeyCredential ?? {}),
    immediateGet: known.immediateGet === true,
    conditionalGet: known.conditionalGet === true,
    conditionalCreate: known.conditionalCreate === true,
  };
}
