// What this browser can do, asked of the browser and never guessed from its name; and what the page itself forbids.

import { within } from './waiting.ts';

/** What this browser can do. */
export interface Capabilities {
  /** WebAuthn: without it nothing here works, and ceremonies resolve to `unsupported`. */
  passkeys: boolean;
  /** One click, a passkey that is on this device, or nothing: Immediate UI mode. */
  immediateGet: boolean;
  /** Passkeys in the autofill of an input field. */
  conditionalGet: boolean;
  /** A passkey made without a sheet after a password sign-in. */
  conditionalCreate: boolean;
}

/** What a ceremony that a click starts has to know. */
export type Support = Omit<Capabilities, 'conditionalGet'>;

/** In milliseconds. What a browser does not answer by then, it cannot do. */
const patience = 2_000;

/** https://www.w3.org/TR/webauthn-3/#sctn-getClientCapabilities */
const clientCapabilities = (): Promise<PublicKeyCredentialClientCapabilities | undefined> =>
  within(patience, () => PublicKeyCredential.getClientCapabilities()).catch(() => undefined);

export async function support(): Promise<Support> {
  const known = await clientCapabilities();
  return {
    passkeys: 'PublicKeyCredential' in globalThis,
    immediateGet: known?.immediateGet === true,
    conditionalCreate: known?.conditionalCreate === true,
  };
}

/**
 * Autofill is older than `getClientCapabilities()`, and Safari first had another name for it there: then the older method is
 * asked. Not on a click: Safari up to 17.3 needs get() right after it.
 */
export async function supportsAutofill(): Promise<boolean> {
  const known = (await clientCapabilities())?.conditionalGet;
  const older = () => PublicKeyCredential.isConditionalMediationAvailable();
  return (known ?? (await within(patience, older).catch(() => false))) === true;
}

export async function capabilities(): Promise<Capabilities> {
  return { ...(await support()), conditionalGet: await supportsAutofill() };
}

interface PermissionsPolicy {
  features(): string[];
  allowsFeature(feature: string): boolean;
}

/** Chromium only. A browser that does not know the feature says that it is not allowed, so that is asked first. */
export function isForbidden(feature: string): boolean {
  const { permissionsPolicy, featurePolicy = permissionsPolicy } = document as {
    permissionsPolicy?: PermissionsPolicy;
    featurePolicy?: PermissionsPolicy;
  };
  return featurePolicy?.features().includes(feature) === true && !featurePolicy.allowsFeature(feature);
}
