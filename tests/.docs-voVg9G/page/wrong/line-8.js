export {};

import { createPasskeyClient } from "/passkeys/client.js";
createPasskeyClient().signin();
