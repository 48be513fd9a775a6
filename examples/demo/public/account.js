// @ts-check
// The account page. Passkeys and sessions are elements; this is the rest: signing out, the private note, and the mail.
import { createPasskeyClient } from '/passkeys/client.js';
import { element, onAsked, say } from './ceremony.js';
import './times.js';
import { lastSignIn } from './words.js';

const client = createPasskeyClient();
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const saidNote = element('#said-note');
/** As long as a confirmation opens the note on the server, in milliseconds. */
const noteOpens = 60_000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let closing;

signsOut('#sign-out', '#said-sign-out', '/?because=signed_out');
if (document.querySelector('#try-it')) signsOut('#try-it', '#said-try-it', '/');

const attempt = lastSignIn();
const record = document.querySelector('#record');
if (record instanceof HTMLElement && attempt !== null) {
  const link = /** @type {HTMLAnchorElement} */ (element('a', record));
  link.href = `/attempts/${attempt}`;
  record.hidden = false;
}

document.addEventListener('confirmed', async () => {
  clearTimeout(closing);
  const answer = await fetch('/account/note');
  if (!answer.ok) return say(saidNote, 'The note stays closed.', 'refused');
  say(saidNote, (await answer.json()).note, 'note');
  closing = setTimeout(() => say(saidNote, 'A minute has gone by: the note is closed again.', 'note'), noteOpens);
});

onAsked(element('#invite'), element('#said-invite'), 'Asking you to confirm …', async () => {
  const confirmed = await client.stepUp({ action: 'invite' });
  if (confirmed.kind !== 'done') return 'You did not confirm, so nobody is invited. Try again.';
  const answer = await fetch('/account/invitation', { method: 'POST' });
  if (!answer.ok) return 'The server could not invite you. Try again in a moment.';
  const link = element('#invitation');
  link.hidden = false;
  element('strong', link).textContent = (await answer.json()).link;
  return undefined;
});

// What is changed here is a letter, too.
document.addEventListener('changed', showMail);
await showMail();

/**
 * @param {string} button
 * @param {string} status
 * @param {string} href where to go then
 */
function signsOut(button, status, href) {
  onAsked(element(button), element(status), 'Signing out …', async () => {
    const result = await client.signOut();
    if (result.kind !== 'done') return 'You are still signed in. Try again.';
    location.assign(href);
    return undefined;
  });
}

async function showMail() {
  const answer = await fetch('/account/mail');
  if (!answer.ok) return say(element('#said-mail'), 'The mail could not be loaded.', 'refused');
  /** @type {import('../src/mailbox.ts').Letter[]} */
  const letters = await answer.json();
  element('#letters').replaceChildren(...letters.map(letterItem));
  say(element('#said-mail'), letters.length === 0 ? 'No mail yet.' : '', null);
}

/** @param {import('../src/mailbox.ts').Letter} letter */
function letterItem({ at, subject, text }) {
  const template = /** @type {HTMLTemplateElement} */ (element('#letter'));
  const item = element('li', /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
  element('.subject', item).textContent = subject;
  element('time', item).textContent = dateAndTime.format(at);
  element('.letter', item).textContent = text;
  return item;
}
