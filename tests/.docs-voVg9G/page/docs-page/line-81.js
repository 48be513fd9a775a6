export {};
import { createPasskeyClient, returnTo } from '/passkeys/client.js';

const passkeys = createPasskeyClient();
const result = await passkeys.signIn();
if (result.kind === 'passkey') location.assign(returnTo() ?? '/account');