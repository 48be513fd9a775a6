// @ts-check
// The sign-up page: a name, and a passkey for it. Whether the name is taken is known only after the passkey was made.
import { createPasskeyClient } from '/passkeys/client.js';
import { element, input, onAsked } from './ceremony.js';
import { sentenceFor } from './words.js';

const client = createPasskeyClient();
const username = input('#username');
const fault = element('#username-fault');

/** @param {string} words */
function complainOfName(words) {
  fault.textContent = words;
  username.ariaInvalid = words === '' ? null : 'true';
  if (words !== '') username.focus();
}

username.addEventListener('input', () => complainOfName(''));

onAsked(element('#sign-up'), element('#said'), 'Asking your browser for a passkey …', async () => {
  const name = username.value.trim();
  if (name === '') {
    complainOfName('Write a name first.');
    return undefined;
  }
  const displayName = input('#display-name').value.trim();
  const result = await client.signUp({ username: name, ...(displayName && { displayName }) });
  if (result.kind === 'done') {
    location.assign('/account');
    return 'Your account is made.';
  }
  if (result.kind === 'refused' && result.code === 'username_unavailable') {
    complainOfName(sentenceFor(result));
    return undefined;
  }
  return sentenceFor(result);
});
