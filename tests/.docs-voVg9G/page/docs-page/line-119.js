export {};
import { createPasskeyClient } from '@latchkey/browser';

const passkeys = createPasskeyClient();

async function addSecurityKey() {
  const add = () => passkeys.register({ nickname: 'Key on my ring', authenticator: 'security_key' });
  const result = await add();
  if (result.kind !== 'refused' || result.code !== 'step_up_required') return result;
  const confirmed = await passkeys.confirm({ identifier: 'ada' });
  return confirmed.kind === 'done' || confirmed.kind === 'passkey' ? add() : confirmed;
}