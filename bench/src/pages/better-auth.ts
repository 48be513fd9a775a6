/** As the documentation of better-auth's passkey plugin has it. */
import { passkeyClient } from '@better-auth/passkey/client';
import { createAuthClient } from 'better-auth/client';
import { page } from './page.ts';

const client = createAuthClient({ plugins: [passkeyClient()] });

page(async () => {
  const { error } = await client.signIn.passkey();
  if (error) throw new Error(JSON.stringify(error));
});
