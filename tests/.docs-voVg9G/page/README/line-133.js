export {};

      import { createPasskeyClient } from '/passkeys/client.js';

      const passkeys = createPasskeyClient();
      const at = (id) => document.getElementById(id);
      const name = /** @type {HTMLInputElement} */ (at('name'));

      at('sign-in').onclick = async () => show(await passkeys.signIn()); // one click, one browser call
      at('sign-up').onclick = async () => show(await passkeys.signUp({ username: name.value }));

      function show(result) {
        if (result.kind === 'passkey' || result.kind === 'done') return location.assign('/me');
        at('status').textContent = result.kind; // `unavailable`: no passkey here, or closed; browsers do not say which
        passkeys.autofill({ onSignIn: show }); // so the field offers passkeys now
      }
    