// @ts-check
// The page behind the link of an invitation. The token comes in the fragment, which is sent to no server, and is used by a click: what
// opens links by itself, to look for viruses or for a preview, clicks nothing and so uses nothing up.
import { createPasskeyClient } from '/passkeys/client.js';
import { element, onAsked, say } from './ceremony.js';

/** @type {Record<string, string>} */
const refusals = {
  invitation_invalid: 'This invitation is not good any more. Ask for a new one.',
  invitation_other_browser: 'This invitation was opened in another browser. Use that one, or ask for a new one.',
};

const client = createPasskeyClient();
const said = element('#said');
const invitation = new URLSearchParams(location.hash.slice(1)).get('invitation');
// Neither the history nor a copied address shall have it.
history.replaceState(null, '', location.pathname);

if (invitation === null) {
  element('#accept').hidden = true;
  say(said, 'There is no invitation in this address. Open the link again, or ask for a new one.', 'refused');
} else {
  onAsked(element('#accept'), said, 'Asking your browser for a passkey …', async () => {
    const result = await client.register({ invitation });
    if (result.kind === 'done') {
      element('#accept').hidden = true;
      element('#made').hidden = false;
      return undefined;
    }
    return (result.kind === 'refused' && refusals[result.code]) || 'No passkey was made. Try again.';
  });
}
