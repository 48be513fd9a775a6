/**
 * Better-auth with its passkey plugin on Express, as its documentation mounts it, with its defaults; only
 * its rate limit is raised, as Latchkey's is, and a session leaves a line in the same file.
 */
import { passkey } from '@better-auth/passkey';
import { type BetterAuthOptions, betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import express from 'express';
import { AAGUID } from '../people.ts';
import { type App, RP_ID, RP_NAME } from './app.ts';

export const betterAuthApp: App = async ({ origin, people, place, records }) => {
  const options = {
    baseURL: origin,
    secret: 'for benchmarks, and only for benchmarks',
    database: place.database!,
    logger: { level: 'error' },
    plugins: [passkey({ rpID: RP_ID, rpName: RP_NAME, origin })],
    rateLimit: { enabled: true, window: 10, max: 1_000_000_000 },
    telemetry: { enabled: false },
    databaseHooks: {
      session: {
        create: {
          async after({ id, userId, ipAddress, userAgent }) {
            records.write({
              time: new Date().toISOString(),
              level: 'info',
              event: 'sign_in',
              outcome: 'success',
              userId,
              sessionId: id,
              address: ipAddress,
              userAgent,
              message: 'signed in with a passkey',
            });
          },
        },
      },
    },
  } satisfies BetterAuthOptions;
  await (await getMigrations(options)).runMigrations();
  const auth = betterAuth(options);
  const context = await auth.$context;
  for (const { userId: id, name, credentialId, publicKey } of people) {
    await context.adapter.create({
      model: 'user',
      data: { id, name, email: name, emailVerified: true, createdAt: new Date(), updatedAt: new Date() },
      forceAllowId: true,
    });
    await context.adapter.create({
      model: 'passkey',
      data: {
        name: 'A phone',
        publicKey: Buffer.from(publicKey, 'base64url').toString('base64'),
        userId: id,
        credentialID: credentialId,
        counter: 0,
        deviceType: 'multiDevice',
        backedUp: true,
        transports: 'internal,hybrid',
        createdAt: new Date(),
        aaguid: AAGUID,
      },
    });
  }

  const app = express();
  app.all('/api/auth/{*rest}', toNodeHandler(auth));
  app.get('/who', async (req, res) => {
    const session = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
    res.json({ user: session?.user.id });
  });
  return app;
};
