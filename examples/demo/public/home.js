// @ts-check
// The home page: one click signs in. Options are fetched before the click; when the browser offers nothing, the sign-in
// page takes over, where autofill and the full sheet wait. No second sheet opens by itself.
import { createPasskeyClient } from '/passkeys/client.js';
import { element, onAsked } from './ceremony.js';
import { greet, sentenceFor } from './words.js';

const client = createPasskeyClient();
const said = element('#said');
greet(said);

onAsked(element('#sign-in'), said, 'Asking your browser …', async () => {
  const result = await client.signIn();
  if (result.kind === 'passkey') location.assign('/account');
  else if (result.kind === 'unavailable' || result.kind === 'unsupported')
    location.assign(`/sign-in?because=${result.kind}`);
  return sentenceFor(result);
});

const { immediateGet } = await client.capabilities();
// Where only Immediate UI mode will do and the browser has none, to ask is to be refused: the click will say so.
if (immediateGet || document.body.dataset.immediate !== 'require') client.prepare();
