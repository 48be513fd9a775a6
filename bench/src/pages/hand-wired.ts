/** As the documentation of @simplewebauthn/browser has it, for the routes of the hand-wired application. */
import { startAuthentication } from '@simplewebauthn/browser';
import { page } from './page.ts';

page(async () => {
  const optionsJSON = await (await fetch('/options', { method: 'POST' })).json();
  const answer = await fetch('/verify', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(await startAuthentication({ optionsJSON })),
  });
  const { verified } = await answer.json();
  if (!verified) throw new Error('Not verified.');
});
