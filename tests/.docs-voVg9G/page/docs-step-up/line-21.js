export {};
import { button } from 'given';
import { createPasskeyClient } from '/passkeys/client.js';

const passkeys = createPasskeyClient();

async function transfer() {
  const answer = await fetch('/transfers', { method: 'POST' });
  if (answer.status !== 403 || (await answer.json()).code !== 'step_up_required') return answer;
  const confirmed = await passkeys.stepUp({ action: 'transfer' });
  return confirmed.kind === 'done' ? fetch('/transfers', { method: 'POST' }) : answer;
}

button.onclick = transfer;