export {};
import { createPasskeyClient } from '@latchkey/browser';
import { sentenceFor } from '@latchkey/browser/sentences';

const passkeys = createPasskeyClient();
const result = await passkeys.signIn();
const sentence = sentenceFor(result, { language: 'de', replace: { offline: 'Ist der Zug im Tunnel?' } });
if (sentence) document.getElementById('status').textContent = sentence;