/** WebAuthn Level 3, §7.1 and §7.2, step by step and in their order: what shows each step, or why it is not the server's. */
import { describe, expect, test } from 'vitest';
import { type Evidence, elsewhere, nothing, rules, show } from './evidence.ts';

interface Step {
  readonly title: string;
  readonly shown: readonly Evidence[];
}

const inTheBrowser = nothing('it happens in the page: packages/browser does it, and tests/browser sees it in Chromium');
const noExtensions = nothing('no extension is asked for; what comes unasked is the last but one step');

const REGISTRATION: Record<number, Step> = {
  1: {
    title: 'let options be what the relying party needs',
    shown: [
      rules(
        'signs a new person up with a passkey, and in',
        'gives one user one handle, for ever',
        'adds a second passkey to whoever is signed in, whatever the body names',
        'ignores members it does not know',
      ),
    ],
  },
  2: { title: 'call navigator.credentials.create()', shown: [inTheBrowser] },
  3: {
    title: 'the response is an attestation response',
    shown: [
      rules(
        'refuses a registration: no attestation object',
        'refuses a registration: no response',
        'refuses a registration: an empty object',
        'refuses a registration: another type of credential',
        'refuses a registration: an id that is not the raw id',
      ),
    ],
  },
  4: { title: 'take the client extension results', shown: [noExtensions] },
  5: {
    title: 'decode client data as UTF-8, a byte order mark left out',
    shown: [
      rules(
        'refuses a registration: client data that is not UTF-8',
        'accepts what no step forbids: a byte order mark, reserved flags, extension outputs nobody asked for',
      ),
    ],
  },
  6: {
    title: 'parse client data as JSON',
    shown: [
      rules(
        'refuses a registration: client data that is not JSON',
        'refuses a registration: client data that is empty',
        'refuses a registration: client data that is a list',
        'refuses a registration: client data that is null',
        'refuses a registration: client data with members in a prototype',
        'refuses a registration: client data without a type',
        'refuses a registration: client data whose challenge is a list',
        'ignores what client data holds beside its own members, Level 2’s tokenBinding among it',
      ),
    ],
  },
  7: { title: 'type is webauthn.create', shown: [rules('refuses a registration: client data of another type')] },
  8: {
    title: 'challenge is the one that was issued',
    shown: [
      rules(
        'refuses a registration: client data with another challenge',
        'refuses the challenge of a sign-up to somebody who signed in since, and a sign-in to a registration',
      ),
    ],
  },
  9: {
    title: 'origin is expected',
    shown: [rules('refuses a registration: an origin with …', 'refuses a registration: client data without an origin')],
  },
  10: {
    title: 'crossOrigin, when true, is expected',
    shown: [
      rules(
        'refuses a registration: client data with crossOrigin',
        'refuses a registration: client data whose crossOrigin is not a boolean',
      ),
    ],
  },
  11: {
    title: 'topOrigin, when present, is expected',
    shown: [
      rules(
        'refuses a registration: client data with a topOrigin',
        'refuses a registration: client data whose topOrigin is not a string',
      ),
    ],
  },
  12: {
    title: 'hash client data',
    shown: elsewhere(
      'tests/http/attestation.test.ts',
      'refuses a statement that is signed by another key or over other data',
    ),
  },
  13: {
    title: 'decode the attestation object',
    shown: [
      rules(
        'refuses a registration: an attestation object that is not CBOR',
        'refuses a registration: an attestation object 5,000 levels deep',
        'refuses a registration: an empty attestation object',
        'refuses a registration: no credential',
        'refuses a registration: a key that is not CBOR',
        'refuses a registration: authenticator data that is too short',
        'refuses a registration: authenticator data with bytes left over',
      ),
    ],
  },
  14: { title: 'rpIdHash is ours', shown: [rules('refuses a registration: an answer for another RP ID')] },
  15: {
    title: 'UP is set, unless mediation is conditional',
    shown: [
      rules(
        'refuses a registration: nobody present',
        'lets a page add a passkey without asking only where policy does',
        'adds no passkey without asking by default',
      ),
    ],
  },
  16: { title: 'UV is set where it is required', shown: [rules('refuses a registration: nobody verified')] },
  17: {
    title: 'BS is not set without BE',
    shown: [rules('refuses a registration: backed up without being eligible')],
  },
  18: {
    title: 'policy may look at BE',
    shown: elsewhere(
      'tests/http/assurance.test.ts',
      'a passkey that can be copied is refused where a device-bound one is required, at registration and at sign-in',
    ),
  },
  19: { title: 'policy may look at BS', shown: [nothing('no policy of ours depends on it; it is stored and shown')] },
  20: {
    title: 'alg is one of those offered',
    shown: [
      rules(
        'refuses a registration: an algorithm that was not offered',
        'refuses a registration: the algorithm RS1',
        'refuses a registration: a key of another type than its algorithm',
        'refuses a registration: a point off the curve',
        'refuses a registration: a point on another curve',
        'refuses a registration: a point with half of it left out',
        'refuses a registration: a modulus of 1,024 bits',
        'refuses a registration: a public key over 4 KiB',
      ),
    ],
  },
  21: {
    title:
      'the attestation statement format is one that is supported, by exact match; where none was asked for, it is only named',
    shown: [
      rules('makes nothing of an attestation that nobody asked for, but names its kind in the record'),
      ...elsewhere(
        'tests/http/attestation.test.ts',
        'refuses every format that is not verified offline, and names it in the record',
      ),
    ],
  },
  22: {
    title: 'the attestation statement is correct, where one was asked for',
    shown: elsewhere(
      'tests/http/attestation.test.ts',
      'refuses a statement that is signed by another key or over other data',
      'refuses what is not attested at all',
    ),
  },
  23: {
    title: 'find trust anchors for it',
    shown: elsewhere(
      'tests/http/attestation.test.ts',
      'accepts the roots that signed metadata names for the model, and for no other model',
      'refuses a root that is not configured, its own claim to be one included',
    ),
  },
  24: {
    title: 'assess how trustworthy it is',
    shown: [
      rules('makes nothing of an attestation that nobody asked for, but names its kind in the record'),
      ...elsewhere(
        'tests/http/attestation.test.ts',
        'refuses what is not attested at all',
        'refuses certificates outside their time, by the server’s own clock',
      ),
    ],
  },
  25: {
    title: 'the credential id has at most 1,023 bytes',
    shown: [
      rules(
        'refuses a registration: an attested id of 1,024 bytes',
        'refuses a registration: an id of 1,024 bytes',
        'refuses a registration: an id other than the one attested',
        'refuses a registration: another attested id',
        'keeps what a registration says: id, key, counter, flags and transports that are words',
      ),
    ],
  },
  26: {
    title: 'the credential id is registered for nobody',
    shown: [
      rules(
        'refuses a credential id that somebody else registered, and undoes the sign-up',
        'registers one credential id for one of two people who try at once',
      ),
    ],
  },
  27: {
    title: 'make a credential record',
    shown: [rules('keeps what a registration says: id, key, counter, flags and transports that are words')],
  },
  28: {
    title: 'process extension outputs, those nobody asked for too',
    shown: [
      rules('accepts what no step forbids: a byte order mark, reserved flags, extension outputs nobody asked for'),
    ],
  },
  29: {
    title: 'store the record for the user of the options, or fail',
    shown: [
      rules(
        'adds a second passkey to whoever is signed in, whatever the body names',
        'refuses a passkey for a session that ended, and for an account that was blocked, after the options',
        'keeps a name that is taken secret until a passkey was verified',
        'refuses one passkey too many',
      ),
    ],
  },
};

const AUTHENTICATION: Record<number, Step> = {
  1: {
    title: 'let options be what the relying party needs',
    shown: [
      rules(
        'signs a person in by one click, enforced, with evidence that claims no more than is known',
        'ignores members it does not know',
        'issues nothing but immediate options under require',
      ),
    ],
  },
  2: { title: 'call navigator.credentials.get()', shown: [inTheBrowser] },
  3: {
    title: 'the response is an assertion response',
    shown: [
      rules(
        'refuses a sign-in: no response',
        'refuses a sign-in: a response that is a list',
        'refuses a sign-in: no signature',
        'refuses a sign-in: a signature that is not base64url',
        'refuses a sign-in: another type of credential',
        'refuses a sign-in: an empty object',
        'refuses a sign-in: an empty id',
        'refuses a sign-in: an id of 1,024 bytes',
        'refuses a sign-in: an id that is not a string',
        'reads no answer from a prototype',
      ),
    ],
  },
  4: { title: 'take the client extension results', shown: [noExtensions] },
  5: {
    title: 'the id is one of those allowed, where some were listed',
    shown: [
      rules(
        'refuses another person’s passkey after a user was named',
        'refuses another person’s passkey for a step-up',
      ),
    ],
  },
  6: {
    title: 'identify the user, by the credential id and the user handle',
    shown: [
      rules(
        'refuses a sign-in: an id that nobody has',
        'refuses a sign-in: an id in another case',
        'refuses a sign-in: an id in another spelling',
        'refuses a sign-in: an id that is not the raw id',
        'refuses a sign-in: no user handle, when nobody was named',
        'refuses a sign-in: a null user handle, when nobody was named',
        'refuses a sign-in: another user handle',
        'refuses a sign-in: an empty user handle',
        'refuses a passkey that was disabled or removed after the options',
        'refuses a person whose account was blocked after the options',
      ),
    ],
  },
  7: {
    title: 'let cData, authData and sig be those of the response',
    shown: [
      rules(
        'refuses a sign-in: authenticator data that is too short',
        'refuses a sign-in: authenticator data with bytes left over',
        'refuses a sign-in: a flag for extensions that are not there',
        'refuses a sign-in: a flag for a credential that is not there',
      ),
    ],
  },
  8: {
    title: 'decode client data as UTF-8, a byte order mark left out',
    shown: [
      rules(
        'refuses a sign-in: client data that is not UTF-8',
        'accepts what no step forbids: a byte order mark, reserved flags, extension outputs nobody asked for',
      ),
    ],
  },
  9: {
    title: 'parse client data as JSON',
    shown: [
      rules(
        'refuses a sign-in: client data that is not JSON',
        'refuses a sign-in: client data that is empty',
        'refuses a sign-in: client data that is a list',
        'refuses a sign-in: client data that is null',
        'refuses a sign-in: client data with members in a prototype',
        'refuses a sign-in: client data without a type',
        'refuses a sign-in: client data whose challenge is a list',
        'ignores what client data holds beside its own members, Level 2’s tokenBinding among it',
      ),
    ],
  },
  10: { title: 'type is webauthn.get', shown: [rules('refuses a sign-in: client data of another type')] },
  11: {
    title: 'challenge is the one that was issued',
    shown: [
      rules(
        'refuses a sign-in: client data with another challenge',
        'refuses a sign-in: client data with a padded challenge',
        'refuses the answer to one challenge for another',
        'refuses a challenge it never issued',
        'refuses a second use of an answer that was accepted',
        'accepts one of 50 identical answers sent at once',
        'refuses an answer that comes too late, by the server’s clock',
        'refuses an answer from another browser, which may still answer itself',
        'does not take a step-up for a sign-in, nor a sign-in for a step-up',
      ),
    ],
  },
  12: {
    title: 'origin is expected',
    shown: [rules('refuses a sign-in: an origin with …', 'refuses a sign-in: client data without an origin')],
  },
  13: {
    title: 'crossOrigin, when true, is expected',
    shown: [
      rules(
        'refuses a sign-in: client data with crossOrigin',
        'refuses a sign-in: client data whose crossOrigin is not a boolean',
      ),
    ],
  },
  14: {
    title: 'topOrigin, when present, is expected',
    shown: [
      rules(
        'refuses a sign-in: client data with a topOrigin',
        'refuses a sign-in: client data whose topOrigin is not a string',
      ),
    ],
  },
  15: { title: 'rpIdHash is ours', shown: [rules('refuses a sign-in: an answer for another RP ID')] },
  16: {
    title: 'UP is set',
    shown: [rules('refuses a sign-in: nobody present', 'refuses a sign-in: nobody present and nobody verified')],
  },
  17: {
    title: 'UV is set where it is required',
    shown: [
      rules(
        'refuses a sign-in: nobody verified',
        'accepts a sign-in without user verification where policy only prefers it',
      ),
    ],
  },
  18: { title: 'BS is not set without BE', shown: [rules('refuses a sign-in: backed up without being eligible')] },
  19: {
    title: 'BE is what it was at registration, or policy follows the change',
    shown: [
      rules(
        'follows a passkey whose manager changed whether it may be synced, and records the change',
        'refuses such a passkey under refuse',
      ),
    ],
  },
  20: { title: 'hash client data', shown: [rules('refuses a sign-in: client data changed after signing')] },
  21: {
    title: 'the signature is valid',
    shown: [
      rules(
        'refuses a sign-in: a signature with a flipped bit',
        'refuses a sign-in: a signature with r = s = 0',
        'refuses a sign-in: a signature that is not DER',
        'refuses a sign-in: a signature cut short',
        'refuses a sign-in: an empty signature',
        'refuses a sign-in: a signature over SHA-1',
        'refuses a sign-in: a signature by another key',
        'refuses a sign-in: RS1 with the key of an RS256 passkey',
        'refuses a sign-in: presence added after signing',
        'refuses a sign-in: a counter changed after signing',
        'signs in with ES256',
        'signs in with RS256',
        'signs in with EdDSA',
      ),
    ],
  },
  22: {
    title: 'the counter is greater than the stored one, or policy says what then',
    shown: [
      rules(
        'refuses a sign-in: a counter that went backwards, under refuse',
        'refuses a sign-in: a counter that stood still, under refuse',
        'records a counter that went backwards and lets in, under observe, and never stores the lower value',
        'disables a passkey whose counter went backwards, under disable',
        'raises no clone alarm for a counter that nobody signed',
      ),
    ],
  },
  23: {
    title: 'process extension outputs, those nobody asked for too',
    shown: [
      rules('accepts what no step forbids: a byte order mark, reserved flags, extension outputs nobody asked for'),
    ],
  },
  24: {
    title: 'update the credential record, after every other check',
    shown: [
      rules(
        'keeps what a registration says: id, key, counter, flags and transports that are words',
        'keeps the highest of the counters that arrive at once, and lets each of them in',
        'refuses under require what the page says was not immediate',
      ),
    ],
  },
  25: {
    title: 'go on, or fail',
    shown: [
      rules(
        'signs a person in by one click, enforced, with evidence that claims no more than is known',
        'begins a new session at sign-in and ends the one that this browser had',
      ),
    ],
  },
};

describe.each([
  ['§7.1 registering a new credential', REGISTRATION, 29],
  ['§7.2 verifying an authentication assertion', AUTHENTICATION, 25],
] as const)('%s', (_section, steps, count) => {
  test(`has ${count} steps, and each is here`, () => {
    expect(Object.keys(steps).map(Number)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    for (const { shown } of Object.values(steps)) expect(shown.length).toBeGreaterThan(0);
  });
  for (const [number, { title, shown }] of Object.entries(steps)) {
    describe(`step ${number}: ${title}`, () => show(shown));
  }
});
