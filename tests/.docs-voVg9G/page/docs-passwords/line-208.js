export {};
import { createPasskeyClient } from '/passkeys/client.js';

const passkeys = createPasskeyClient();

/** Adds or removes; after `step_up_required` the person confirms first. */
async function afterConfirming(work) {
  const result = await work();
  if (result.code !== 'step_up_required') return result;
  const confirmed = await passkeys.confirm();
  return confirmed.kind === 'done' || confirmed.kind === 'passkey' ? work() : confirmed;
}

const added = await afterConfirming(() => passkeys.register({ nickname: 'My laptop' }));
const list = await passkeys.passkeys();