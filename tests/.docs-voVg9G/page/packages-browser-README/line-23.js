export {};

  import { createPasskeyClient } from '/passkeys/client.js';

  const passkeys = createPasskeyClient();
  const fallback = document.getElementById('fallback');
  const status = document.getElementById('status');

  passkeys.prepare(); // so that the click goes straight to the browser

  document.getElementById('sign-in').onclick = async () => show(await passkeys.signIn());
  document.getElementById('modal').onclick = async () => show(await passkeys.signIn({ mode: 'modal' }));

  function show(result) {
    switch (result.kind) {
      case 'passkey':
        return location.assign('/account');
      case 'busy':
        return; // a double click
      case 'refused':
        status.textContent = `That did not work (${result.code}).`;
        break;
      case 'offline':
        status.textContent = 'The server did not answer. Please try again.';
        break;
      case 'misuse':
        console.error(result.message);
    }
    // What is left, `unavailable` above all, says nothing about whether there is a passkey or an account.
    fallback.hidden = false;
    passkeys.autofill({
      onSignIn: show,
      onRefused: () => (status.textContent = 'That passkey did not work. Please try another.'),
    });
  }
