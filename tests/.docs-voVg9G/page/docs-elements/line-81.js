export {};

  import { configure } from '/passkeys/elements.js';

  configure({
    replace: { name: 'E-mail address', signedIn: 'Good to see you, {}.' },
    languages: { nl: { signIn: 'Inloggen', usePasskey: 'Inloggen met een passkey' } },
  });
