/** As docs/page.md has it. */
import { createPasskeyClient } from '@latchkey/browser';
import { page } from './page.ts';

const passkeys = createPasskeyClient();

page(
  async () => {
    const result = await passkeys.signIn();
    if (result.kind !== 'passkey') throw new Error(JSON.stringify(result));
  },
  () => passkeys.prepare(),
);
