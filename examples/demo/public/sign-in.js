// @ts-check
// The sign-in page: the way in when one click was not enough. Passkeys wait in the field's autofill; the button opens the
// browser's full sheet, for the name in the field if there is one.
import { createPasskeyClient, returnTo } from '/passkeys/client.js';
import { element, input, onAsked, say } from './ceremony.js';
import { greet, sentenceFor } from './words.js';

const client = createPasskeyClient();
const form = element('#sign-in');
const said = element('#said');
/** Where the person wanted to go, before a word of why they are here takes it out of the address. */
const destination = returnTo() ?? '/account';

if (document.body.dataset.immediate === 'require') onlyOneClick();
else {
  greet(said);
  onAsked(form, said, 'Asking your browser …', async () => {
    const identifier = input('#username').value.trim();
    const result = await client.signIn({ mode: 'modal', ...(identifier && { identifier }) });
    if (result.kind === 'passkey') location.assign(destination);
    else waitInField();
    return sentenceFor(result);
  });
  waitInField();
}

/** The full sheet ends what waits in the field; whoever closes the sheet finds it waiting again. */
async function waitInField() {
  const result = await client.autofill({
    onSignIn: () => location.assign(destination),
    onRefused: (refused) => say(said, sentenceFor(refused)),
  });
  // Not `unavailable`: nobody asked for anything yet, and the button still works.
  if (result.kind === 'passkey' || result.kind === 'offline' || result.kind === 'misuse')
    say(said, sentenceFor(result));
}

/** Under the policy `require` neither autofill nor the full sheet is allowed, so the page does not pretend. */
function onlyOneClick() {
  form.hidden = true;
  element('#immediate-only').hidden = false;
  const saidOnceMore = element('#said-once-more');
  greet(saidOnceMore);
  onAsked(element('#once-more'), saidOnceMore, 'Asking your browser …', async () => {
    const result = await client.signIn();
    if (result.kind === 'passkey') location.assign(destination);
    return sentenceFor(result);
  });
}
