export {};
import { button } from 'given';
import { createPasskeyClient } from '/passkeys/client.js';

const passkeys = createPasskeyClient();

button.onclick = async () => {
  const added = await passkeys.register({ nickname: 'My laptop' });
  if (added.kind === 'done') button.textContent = `Added: ${added.passkey.nickname}`;
  if (added.kind === 'exists') button.textContent = 'This device has one already';
};