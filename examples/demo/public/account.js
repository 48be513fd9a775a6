// @ts-check
// The account page: a person's own passkeys, and where they are signed in. What needs a recent sign-in asks for it first,
// in words, and then goes on.
import { createPasskeyClient } from '/passkeys/client.js';
import { element, input, onAsked, say } from './ceremony.js';
import { deviceOf, sentenceFor } from './words.js';

/** @typedef {import('@latchkey/browser').Passkey} Passkey */
/** @typedef {import('@latchkey/browser').Session} Session */

const client = createPasskeyClient();
const list = element('#passkeys');
const saidPasskeys = element('#said-passkeys');
const saidSessions = element('#said-sessions');
const endOthers = element('#end-others');
const template = /** @type {HTMLTemplateElement} */ (element('#passkey'));

const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
for (const time of document.querySelectorAll('time')) time.textContent = dateAndTime.format(new Date(time.dateTime));

onAsked(element('#sign-out'), element('#said-sign-out'), 'Signing out …', async () => {
  const result = await client.signOut();
  if (result.kind === 'done') location.assign('/?because=signed_out');
  return result.kind === 'done' ? 'You are signed out.' : sentenceFor(result);
});

const add = element('#add');
onAsked(add, element('#said-add'), 'Asking your browser for a passkey …', async () => {
  const nickname = input('#nickname').value.trim();
  const result = await afterRecentSignIn(() => client.register(nickname ? { nickname } : {}));
  if (result.kind !== 'done') return sentenceFor(result);
  /** @type {HTMLFormElement} */ (add).reset();
  await show();
  return `“${result.passkey.nickname}” is added.`;
});

onAsked(element('#read-note'), element('#said-note'), 'Asking you to confirm …', async () => {
  const confirmed = await client.stepUp({ action: 'read-note' });
  if (confirmed.kind !== 'done') return sentenceFor(confirmed);
  const answer = await fetch('/account/note');
  return answer.ok ? (await answer.json()).note : 'The note stays closed.';
});

onAsked(element('#invite'), element('#said-invite'), 'Asking you to confirm …', async () => {
  const confirmed = await client.stepUp({ action: 'invite' });
  if (confirmed.kind !== 'done') return sentenceFor(confirmed);
  const answer = await fetch('/account/invitation', { method: 'POST' });
  if (!answer.ok) return 'The server could not invite you. Try again in a moment.';
  const link = element('#invitation');
  link.hidden = false;
  link.textContent = (await answer.json()).link;
  return 'Open this link on the other device within ten minutes. It is good once, and replaces the one before.';
});

onAsked(endOthers, saidSessions, 'Signing out everywhere else …', async () => {
  const result = await client.endOtherSessions();
  if (result.kind !== 'done') return sentenceFor(result);
  await showSessions();
  // The button goes when there is nothing left to end.
  element('#where').focus();
  return 'You are signed in here only.';
});

await show();

/** Fetches the passkeys, the sessions and the mail, and shows them. */
async function show() {
  const [answer] = await Promise.all([client.passkeys(), showSessions(), showMail()]);
  if (answer.kind !== 'done') return say(saidPasskeys, sentenceFor(answer));
  list.replaceChildren(...answer.passkeys.map(itemFor));
}

async function showSessions() {
  const answer = await client.sessions();
  if (answer.kind !== 'done') return say(saidSessions, sentenceFor(answer));
  // This browser first, then the one that was seen last.
  const sorted = answer.sessions.toSorted((a, b) => Number(b.current) - Number(a.current) || b.seenAt - a.seenAt);
  element('#sessions').replaceChildren(...sorted.map(sessionItem));
  endOthers.hidden = answer.sessions.length < 2;
}

/** @param {Session} session */
function sessionItem(session) {
  const template = /** @type {HTMLTemplateElement} */ (element('#session'));
  const item = element('li', /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
  const device = deviceOf(session.userAgent);
  element('.entry-name strong', item).textContent = device;
  element('.badge', item).hidden = !session.current;
  element('.hint', item).textContent = [
    `signed in ${dateAndTime.format(session.createdAt)} with “${session.passkey.nickname}”`,
    session.current ? null : `last seen ${dateAndTime.format(session.seenAt)}`,
    session.address,
  ]
    .filter(Boolean)
    .join(' · ');

  const end = element('.end', item);
  end.hidden = session.current;
  end.ariaLabel = `Sign out there: ${device}, signed in ${dateAndTime.format(session.createdAt)}`;
  end.addEventListener('click', async () => {
    const result = await client.endSession(session.id);
    if (result.kind !== 'done') return say(saidSessions, sentenceFor(result));
    await showSessions();
    say(saidSessions, `Signed out: ${device}.`);
    // The button that was pressed is gone with its session.
    element('#where').focus();
  });
  return item;
}

async function showMail() {
  const answer = await fetch('/account/mail');
  if (!answer.ok) return say(element('#said-mail'), 'The mail could not be loaded.');
  /** @type {import('../src/mailbox.ts').Letter[]} */
  const letters = await answer.json();
  element('#letters').replaceChildren(...letters.map(letterItem));
  say(element('#said-mail'), letters.length === 0 ? 'No mail yet.' : '', false);
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

/** @param {Passkey} passkey */
function itemFor(passkey) {
  const item = element('li', /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
  const name = passkey.nickname ?? 'Passkey';
  element('.entry-name strong', item).textContent = name;
  element('.badge', item).hidden = !passkey.current;
  element('.hint', item).textContent = about(passkey);

  const startRename = element('.start-rename', item);
  startRename.ariaLabel = `Rename ${name}`;
  startRename.addEventListener('click', () => rename(item, passkey, name));
  const startRemove = element('.start-remove', item);
  startRemove.ariaLabel = `Remove ${name}`;
  startRemove.addEventListener('click', () => remove(passkey, name));
  return item;
}

/** @param {Passkey} passkey */
function about({ createdAt, lastUsedAt, backedUp, deviceBound, provider, enabled }) {
  return [
    provider,
    `made ${dateAndTime.format(createdAt)}`,
    lastUsedAt === null ? 'never used since' : `last used ${dateAndTime.format(lastUsedAt)}`,
    backedUp ? 'backed up' : deviceBound ? 'on one device only' : 'not backed up yet',
    enabled ? null : 'disabled',
  ]
    .filter(Boolean)
    .join(' · ');
}

/**
 * Turns a passkey's name into a field, and back.
 * @param {HTMLElement} item
 * @param {Passkey} passkey
 * @param {string} name
 */
function rename(item, passkey, name) {
  const form = element('.rename', item);
  const field = input('input', form);
  field.value = name;
  toggle(true);
  field.select();

  /** @param {boolean} open */
  function toggle(open) {
    form.hidden = !open;
    element('.entry-about', item).hidden = open;
    element('.entry-actions', item).hidden = open;
    if (open) field.focus();
    else element('.start-rename', item).focus();
  }

  element('.cancel', form).onclick = () => toggle(false);
  form.onkeydown = ({ key }) => {
    if (key === 'Escape') toggle(false);
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    const nickname = field.value.trim();
    if (nickname === '' || nickname === name) return toggle(false);
    const result = await client.rename(passkey.id, nickname);
    if (result.kind !== 'done') return say(saidPasskeys, sentenceFor(result));
    const renamed = itemFor(result.passkey);
    item.replaceWith(renamed);
    element('.start-rename', renamed).focus();
    say(saidPasskeys, `It is called “${nickname}” now.`);
  };
}

/**
 * @param {Passkey} passkey
 * @param {string} name
 */
async function remove(passkey, name) {
  const more = passkey.current ? ' You are signed in with it: removing it signs you out.' : '';
  element('#remove-text').textContent = `After that nobody can sign in with “${name}”.${more}`;
  if ((await ask('#remove')) !== 'remove') return;

  const result = await afterRecentSignIn(() => client.remove(passkey.id));
  if (result.kind !== 'done') return say(saidPasskeys, sentenceFor(result));
  if (passkey.current) return location.assign('/?because=removed_own');
  await show();
  say(saidPasskeys, `“${name}” is removed.`);
  // The button that was pressed is gone with its passkey.
  element('#own').focus();
}

/**
 * Does what needs a recent sign-in; when that is too long ago, the person is asked to confirm, by a click of their own.
 * @template {import('@latchkey/browser').RegistrationResult | import('@latchkey/browser').Answer} T
 * @param {() => Promise<T>} work
 * @returns {Promise<T | Exclude<import('@latchkey/browser').StepUpResult, { kind: 'done' }>>}
 */
async function afterRecentSignIn(work) {
  const result = await work();
  if (result.kind !== 'refused' || result.code !== 'step_up_required') return result;
  if ((await ask('#confirm')) !== 'confirm') return result;
  const confirmed = await client.stepUp();
  return confirmed.kind === 'done' ? work() : confirmed;
}

/**
 * Opens a dialog and resolves to the value of the button that closed it, empty for Escape. The browser puts the focus back.
 * @param {string} selector
 * @returns {Promise<string>}
 */
function ask(selector) {
  const dialog = /** @type {HTMLDialogElement} */ (element(selector));
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue), { once: true });
  });
}
