export {};
import { createPasskeyClient } from '@latchkey/browser';

const passkeys = createPasskeyClient(); // asks at /passkeys
passkeys.prepare();
document.getElementById('sign-in').onclick = async () => {
  const result = await passkeys.signIn();
  if (result.kind === 'passkey') location.assign('/account');
};