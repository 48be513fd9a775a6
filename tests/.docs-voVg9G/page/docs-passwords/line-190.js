export {};
import { createPasskeyClient } from '/passkeys/client.js';

const passkeys = createPasskeyClient();
passkeys.prepare(); // so that the click goes straight to the browser

document.getElementById('sign-in').onclick = async () => {
  const result = await passkeys.signIn();
  if (result.kind === 'passkey') location.assign('/');
  else document.getElementById('status').textContent = 'No passkey came of it. Sign in with your password.';
};