export {};
import { button } from 'given';
import { createPasskeyClient } from '/passkeys/client.js';

const passkeys = createPasskeyClient();

button.onclick = async () => {
  const result = await passkeys.signIn({ mode: 'modal' }); // offers this person's passkeys, and no others
  if (result.kind === 'passkey') location.assign('/account');
};