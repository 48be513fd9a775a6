export {};
import { createPasskeyClient } from '@latchkey/browser';

const passkeys = createPasskeyClient();
const name = document.querySelector('input');
name.onchange = () => passkeys.prepare({ for: 'signUp', username: name.value });
document.querySelector('button').onclick = () => passkeys.signUp({ username: name.value });