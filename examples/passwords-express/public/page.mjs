// The page's half: one click, own passkeys, and a payment that wants the passkey again.
import { createPasskeyClient } from '/passkeys/client.js';

const passkeys = createPasskeyClient();
const at = (id) => document.getElementById(id);
const say = (text) => at('status').replaceChildren(text);

at('sign-in').onclick = async () => {
  const result = await passkeys.signIn();
  if (result.kind === 'passkey') location.reload();
  else say(`No passkey came of it (${result.kind}). Sign in with your password.`);
};

at('add').onclick = () => add({ nickname: 'My passkey' });
at('take').onclick = () => add({ nickname: 'My passkey', offered: true });
at('not-now').onclick = async () => {
  await passkeys.notNow(); // kept on the server: no other browser asks either
  at('offer').hidden = true;
};

async function add(options) {
  const added = await afterConfirming(() => passkeys.register(options));
  at('offer').hidden ||= added.kind === 'done';
  say(added.kind === 'done' ? 'The passkey is added.' : `It was not added (${added.code ?? added.kind}).`);
  await showPasskeys();
}

at('pay').onclick = async () => {
  let answer = await pay();
  const { code } = answer.ok ? {} : await answer.json();
  if (code === 'step_up_required' || code === 'sign_in_required') {
    let confirmed = await passkeys.confirm({ action: 'pay' });
    // It was a sign-in, because this browser knew the person by a password only. A sign-in counts for no action.
    if (confirmed.kind === 'passkey') confirmed = await passkeys.stepUp({ action: 'pay' });
    if (confirmed.kind === 'done') answer = await pay();
  }
  say(answer.ok ? await answer.text() : `It was not paid (${answer.status}).`);
};

at('sign-out').onclick = async () => {
  const { kind } = await passkeys.signOut();
  if (kind === 'done') location.reload();
  else say('You are still signed in. Please try again.');
};

const isSignedIn = document.body.dataset.signedIn === 'true';
at('nobody').hidden = isSignedIn;
at('somebody').hidden = !isSignedIn;
if (isSignedIn) {
  await showPasskeys();
  at('offer').hidden = (await passkeys.offer()).kind !== 'ask';
} else {
  passkeys.prepare(); // so that the click goes straight to the browser
}

async function showPasskeys() {
  const answer = await passkeys.passkeys();
  if (answer.kind !== 'done') return say(`The list could not be loaded (${answer.code ?? answer.kind}).`);
  at('passkeys').replaceChildren(...answer.passkeys.map(itemOf));
}

function itemOf({ id, nickname }) {
  const item = document.createElement('li');
  const remove = document.createElement('button');
  remove.textContent = `Remove ${nickname}`;
  remove.onclick = async () => {
    const removed = await afterConfirming(() => passkeys.remove(id));
    if (removed.kind === 'done') return location.reload(); // the person may be signed out now
    say(`It was not removed (${removed.code ?? removed.kind}).`);
  };
  item.append(nickname, ' ', remove);
  return item;
}

/** Does what needs a recent sign-in; after `step_up_required` the person confirms first. */
async function afterConfirming(work) {
  const result = await work();
  if (result.code !== 'step_up_required') return result;
  const confirmed = await passkeys.confirm();
  return confirmed.kind === 'done' || confirmed.kind === 'passkey' ? work() : confirmed;
}

function pay() {
  const csrf = document.querySelector('meta[name=csrf-token]').content;
  return fetch('/pay', {
    method: 'POST',
    headers: { 'x-csrf-token': csrf },
    body: new URLSearchParams({ password: at('password').value }),
  });
}
