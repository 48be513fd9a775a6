export {};

      import { createPasskeyClient } from '/passkeys/client.js';

      const passkeys = createPasskeyClient();
      const at = (id) => document.getElementById(id);
      passkeys.prepare(); // so that the click goes straight to the browser

      at('sign-in').onclick = async () => show(await passkeys.signIn());
      at('sheet').onclick = async () => show(await passkeys.signIn({ mode: 'modal' }));
      at('sign-out').onclick = async () => {
        const { kind } = await passkeys.signOut();
        if (kind === 'done') location.reload();
        else at('status').textContent = 'You are still signed in. Please try again.';
      };
      at('other-ways').onsubmit = async (event) => {
        event.preventDefault();
        const username = String(new FormData(document.forms[0]).get('name'));
        show(await passkeys.signUp({ username }));
      };

      function show(result) {
        const signedIn = result.kind === 'passkey' || result.kind === 'done';
        at('sign-in').hidden = at('other-ways').hidden = signedIn;
        at('sign-out').hidden = !signedIn;
        at('status').textContent = signedIn ? `Hello, ${result.user.displayName}.` : sentences[result.kind] ?? '';
        if (!signedIn) passkeys.autofill({ onSignIn: show });
      }

      const sentences = {
        exists: 'This device has a passkey for that account already: sign in with it.',
        refused: 'That did not work. Please try another way.',
        offline: 'The server did not answer. Please try again.',
        unreadable: 'Your password manager gave an answer that cannot be used. Please try another browser.',
        unsupported: 'This browser cannot use passkeys.',
      };
    