/**
 * What somebody writes who reads the documentation of @simplewebauthn/server and express-session: the
 * challenge in the session, a table of passkeys, a new session id at sign-in, and a line in the log.
 */
import {
  type AuthenticationResponseJSON,
  type AuthenticatorTransport,
  generateAuthenticationOptions,
  verifyAuthenticationResponse,
} from '@simplewebauthn/server';
import express from 'express';
import { sessionsOnExpress } from '../session-libraries.ts';
import { type App, RP_ID } from './app.ts';

declare module 'express-session' {
  interface SessionData {
    challenge: string;
    userId: string;
  }
}

export const handWired: App = async ({ origin, people, place, records }) => {
  const users = new Map(people.map(({ userId, name }) => [userId, { id: userId, name }]));
  for (const { userId, credentialId, publicKey } of people) {
    await place.handWired.insert({
      id: credentialId,
      userId,
      publicKey: Buffer.from(publicKey, 'base64url'),
      counter: 0,
      transports: ['internal', 'hybrid'],
    });
  }

  const app = express();
  app.use(sessionsOnExpress(place.sessions));
  app.use(express.json());

  app.post('/options', async (req, res) => {
    const options = await generateAuthenticationOptions({ rpID: RP_ID, userVerification: 'required' });
    req.session.challenge = options.challenge;
    res.json(options);
  });

  app.post('/verify', async (req, res) => {
    const response: AuthenticationResponseJSON = req.body;
    const { challenge } = req.session;
    const passkey = await place.handWired.find(response.id);
    const user = passkey && users.get(passkey.userId);
    if (challenge === undefined || passkey === undefined || user === undefined) {
      res.status(400).json({ verified: false });
      return;
    }
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: RP_ID,
      requireUserVerification: true,
      credential: {
        id: passkey.id,
        publicKey: Uint8Array.from(passkey.publicKey),
        counter: passkey.counter,
        transports: passkey.transports as AuthenticatorTransport[],
      },
    });
    if (!verified) {
      res.status(400).json({ verified });
      return;
    }
    const { newCounter, userVerified } = authenticationInfo;
    await place.handWired.updateCounter(passkey.id, newCounter, Date.now());
    await settled((done) => req.session.regenerate(done));
    req.session.userId = user.id;
    await settled((done) => req.session.save(done));
    records.write({
      time: new Date().toISOString(),
      level: 'info',
      event: 'sign_in',
      outcome: 'success',
      userId: user.id,
      passkeyId: passkey.id,
      userVerified,
      address: req.ip,
      userAgent: req.get('user-agent'),
      message: 'signed in with a passkey',
    });
    res.json({ verified, user });
  });

  app.get('/who', (req, res) => void res.json({ user: req.session.userId }));
  return app;
};

function settled(verb: (done: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => verb((error) => (error ? reject(error) : resolve())));
}
