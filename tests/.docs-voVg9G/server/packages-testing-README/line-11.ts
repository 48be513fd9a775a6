export {};
import assert from 'node:assert/strict';
import { type AuthenticationResponseJSON, createSoftwarePasskey } from '@latchkey/testing';
import * as server from '@simplewebauthn/server';

const origin = 'https://example.com';
const rpID = 'example.com';
const passkey = createSoftwarePasskey({ origin });

// Register.
const creation = await server.generateRegistrationOptions({ rpName: 'Example', rpID, userName: 'ada' });
const { registrationInfo } = await server.verifyRegistrationResponse({
  response: passkey.register(creation),
  expectedChallenge: creation.challenge,
  expectedOrigin: origin,
  expectedRPID: rpID,
});

// Sign in.
const request = await server.generateAuthenticationOptions({ rpID });
const verify = (response: AuthenticationResponseJSON) =>
  server.verifyAuthenticationResponse({
    response,
    credential: registrationInfo!.credential,
    expectedChallenge: request.challenge,
    expectedOrigin: origin,
    expectedRPID: rpID,
  });
assert.equal((await verify(passkey.authenticate(request))).verified, true);

// Try to sign in without user verification, and from another page.
await assert.rejects(verify(passkey.authenticate(request, { flags: { UV: false } })));
await assert.rejects(verify(passkey.authenticate(request, { clientData: { origin: 'https://evil.example' } })));