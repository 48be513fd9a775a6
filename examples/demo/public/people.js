// @ts-check
// The operator's page: one person, and what can be done for them. Whatever is done answers how the person stands now.
import { createPasskeyClient } from '/passkeys/client.js';
import { element, onAsked, say } from './ceremony.js';

/** @typedef {import('../src/people.ts').Person} Person */

const client = createPasskeyClient();
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const nameField = /** @type {HTMLInputElement} */ (element('#name'));
const reasonField = /** @type {HTMLInputElement} */ (element('#reason'));
const replaces = /** @type {HTMLInputElement} */ (element('#replaces'));
const said = element('#said-person');

/** @type {Record<string, string>} */
const refusals = {
  not_operator: 'This is for the operator’s account. Sign in as the operator, or create that account.',
  nobody: 'Nobody here has this name.',
  reason: 'Write a reason first: one line, for the record.',
};

/** The person who is shown. */
let shown = '';

/**
 * Resolves to the words for what went wrong, if anything did.
 * @param {Record<string, string>} asked
 * @returns {Promise<string | undefined>}
 */
async function ask(asked) {
  const send = () => fetch(`/people/person?${new URLSearchParams(asked)}`, { method: 'POST' });
  let answer = await send();
  if (answer.status === 403 && (await answer.clone().json()).code === 'step_up_required') {
    const confirmed = await client.stepUp({ action: 'operate' });
    if (confirmed.kind !== 'done') return 'You did not confirm, so nothing was done.';
    answer = await send();
  }
  const body = await answer.json();
  if (!answer.ok) return refusals[body.code] ?? 'That did not work. Try again in a moment.';
  show(body);
  return undefined;
}

/** @param {Person} person */
function show({ name, displayName, link, passkeys, sessions, invitations }) {
  shown = name;
  element('#person').hidden = false;
  element('#who bdi').textContent = displayName === name ? name : `${displayName} (${name})`;
  element('#passkeys').replaceChildren(...passkeys.map(passkeyItem));
  element('#none').hidden = passkeys.length > 0;
  element('#sessions').textContent =
    sessions === 0 ? 'Signed in nowhere.' : `Signed in ${sessions === 1 ? 'once' : `${sessions} times`}.`;
  element('#end-sessions').hidden = sessions === 0;
  const [open] = invitations;
  element('#end-invitations').hidden = open === undefined;
  element('#open-invitation').textContent =
    open === undefined
      ? ''
      : `One is open until ${time.format(open.expiresAt)}${open.replaces === 'all' ? ', and replaces all passkeys' : ''}${open.opened ? '. A browser has opened it.' : '.'}`;
  element('#link').hidden = link === null;
  element('#link strong').textContent = link ?? '';
}

/** @param {Person['passkeys'][number]} passkey */
function passkeyItem({ id, nickname, provider, enabled, createdAt, lastUsedAt }) {
  const template = /** @type {HTMLTemplateElement} */ (element('#passkey'));
  const item = element('li', /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
  element('.nickname bdi', item).textContent = nickname;
  const facts = [
    provider !== nickname && provider,
    `made ${date.format(createdAt)}`,
    lastUsedAt === null ? 'never used' : `last used ${date.format(lastUsedAt)}`,
    !enabled && 'disabled',
  ];
  element('.told', item).textContent = facts.filter(Boolean).join(' · ');
  const turn = element('.turn', item);
  turn.textContent = enabled ? 'Disable' : 'Enable';
  turn.ariaLabel = `${turn.textContent}: ${nickname}`;
  acts(
    turn,
    () => ({ verb: enabled ? 'disable' : 'enable', id }),
    `“${nickname}” is ${enabled ? 'disabled' : 'enabled'}.`,
  );
  const remove = element('.remove', item);
  remove.ariaLabel = `Remove: ${nickname}`;
  acts(remove, () => ({ verb: 'remove', id }), `“${nickname}” is removed.`);
  return item;
}

/**
 * @param {HTMLElement} button
 * @param {() => Record<string, string>} asked
 * @param {string} done the words for what was done
 */
function acts(button, asked, done) {
  onAsked(button, said, 'Working …', async () => {
    if (!reasonField.reportValidity()) return refusals.reason;
    const words = await ask({ name: shown, reason: reasonField.value, ...asked() });
    if (words !== undefined) return words;
    // What was pressed may be gone with its passkey.
    if (!button.isConnected) element('#who').focus();
    return { done };
  });
}

acts(element('#end-sessions'), () => ({ verb: 'end-sessions' }), 'Every session has ended.');
acts(
  element('#invite'),
  () => ({ verb: 'invite', ...(replaces.checked && { replaces: 'all' }) }),
  'The invitation is issued.',
);
acts(element('#end-invitations'), () => ({ verb: 'end-invitations' }), 'The invitation is revoked.');

// Enter does what the button does.
element('#find').addEventListener('submit', (event) => event.preventDefault());
element('#why').addEventListener('submit', (event) => event.preventDefault());
onAsked(element('#look'), element('#said'), 'Looking …', async () => {
  if (!nameField.reportValidity()) return 'Write a name first.';
  element('#person').hidden = true;
  reasonField.value = '';
  say(said, '', null);
  const words = await ask({ name: nameField.value, verb: 'look' });
  if (words === undefined) element('#who').focus();
  return words;
});
