/**
 * Real Chromium, as the tests drive it, and its virtual authenticator. Pages run in the headless shell where there is one: the
 * same engine and the same WebAuthn without the browser around them, for a third of the CPU. The whole browser runs where it
 * is what is tested.
 */
import { type Browser, type CDPSession, chromium } from 'playwright-core';

/** The whole browser. */
export const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function launchChromium({
  whole = false,
  flags = [],
}: {
  whole?: boolean;
  flags?: readonly string[];
} = {}): Promise<Browser> {
  const executablePath = (!whole && process.env.CHROMIUM_SHELL) || CHROMIUM;
  return chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
}

/** Plugs in a platform authenticator that knows its person and is touched by itself. Resolves to its id. */
export async function addAuthenticator(cdp: CDPSession): Promise<string> {
  await cdp.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return authenticatorId;
}
