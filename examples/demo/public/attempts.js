// @ts-check
// The Attempts page: the latest records, new ones as they happen, and charts of them. What is filtered by is in the
// address, so that the way back from an attempt leads to the same. Text goes in as text only.
import { element, say } from './ceremony.js';
import { ranges, showCharts } from './chart.js';
import { outcomes, wordsFor } from './words.js';

/** @typedef {import('./words.js').Attempt} Attempt */
/** @typedef {import('../src/feed.ts').Ended} Ended */

/** As many as the server sends at first; older ones leave as new ones come. */
const shown = 100;

const list = element('#attempts');
const said = element('#said');
const live = element('#live');
const news = element('#news');
const filter = /** @type {HTMLFormElement} */ (element('#filter'));
const template = /** @type {HTMLTemplateElement} */ (element('#attempt'));
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

/** What came as it happened, by the event's id: an answer that was on its way meanwhile may lack it. @type {Map<string, Attempt>} */
const arrived = new Map();
/** What the charts count, by the event's id. @type {Map<string, Ended>} */
const counted = new Map();
let isComplete = true;
/** The request for the latest that counts: an answer to an earlier one is not shown. */
let asked = 0;

const given = new URLSearchParams(location.search);
offer('range', Object.fromEntries(Object.entries(ranges).map(([value, { name }]) => [value, name])), '30m');
offer('outcome', { '': 'All', ...outcomes }, '');

/**
 * One choice of several; the address may have made it.
 * @param {string} name
 * @param {Record<string, string>} choices
 * @param {string} otherwise
 */
function offer(name, choices, otherwise) {
  const chosen = given.get(name) ?? otherwise;
  for (const [value, words] of Object.entries(choices)) {
    const choice = document.createElement('input');
    const checked = value === (Object.hasOwn(choices, chosen) ? chosen : otherwise);
    Object.assign(choice, { type: 'radio', name, value, id: `${name}-${value || 'all'}`, checked });
    choice.setAttribute('form', 'filter');
    choice.addEventListener('change', choose);
    const label = document.createElement('label');
    label.htmlFor = choice.id;
    label.textContent = words;
    element(`#${name}`).append(choice, label);
  }
}

function choose() {
  const chosen = new URLSearchParams();
  for (const [name, value] of new FormData(filter)) if (value !== '') chosen.set(name, String(value));
  history.replaceState(null, '', `?${chosen}`);
  loadLatest();
}

const stream = new EventSource('/attempts/stream');
// What was before, and during a break, is asked for.
stream.addEventListener('open', () => {
  say(live, 'Live');
  live.dataset.state = 'on';
  loadLatest();
});
stream.addEventListener('error', () => {
  say(live, 'Connection lost, trying again …');
  live.dataset.state = 'off';
});
stream.addEventListener('message', ({ data }) => arrive(JSON.parse(data)));

// Time passes also when nothing happens.
setInterval(drawSoon, 10_000);

/** The outcome that is filtered by, or an empty string for all. */
const wanted = () => String(new FormData(filter).get('outcome') ?? '');

/** How far back the page looks. */
const range = () => /** @type {import('./chart.js').Range} */ (new FormData(filter).get('range'));

async function loadLatest() {
  const mine = ++asked;
  try {
    const response = await fetch(`/attempts/latest?${new URLSearchParams({ range: range(), outcome: wanted() })}`);
    if (!response.ok) throw new Error(`status ${response.status}`);
    /** @type {import('../src/feed.ts').Latest} */
    const latest = await response.json();
    if (mine !== asked) return;
    isComplete = latest.isComplete;
    for (const ended of latest.counted) counted.set(ended.eventId, ended);
    const all = new Map(latest.attempts.map((attempt) => [attempt.eventId, attempt]));
    for (const attempt of arrived.values()) if (isWanted(attempt)) all.set(attempt.eventId, attempt);
    const newestFirst = [...all.values()].sort((a, b) => (a.eventId < b.eventId ? 1 : -1));
    list.replaceChildren(...newestFirst.slice(0, shown).map(itemFor));
    drawSoon();
    sayWhenEmpty();
  } catch {
    if (mine === asked) say(said, 'The attempts could not be loaded. Reload the page to try again.');
  }
}

/** @param {Attempt} attempt */
const isWanted = ({ outcome }) => wanted() === '' || wanted() === outcome;

/** @param {Attempt} attempt */
function arrive(attempt) {
  arrived.set(attempt.eventId, attempt);
  if (arrived.size > shown) arrived.delete(arrived.keys().next().value ?? '');
  counted.set(attempt.eventId, attempt);
  drawSoon();
  if (!isWanted(attempt)) return;
  const item = itemFor(attempt);
  item.classList.add('new');
  list.prepend(item);
  while (list.childElementCount > shown) list.lastElementChild?.remove();
  sayWhenEmpty();
  const words = wordsFor(attempt);
  say(news, [words.name, words.outcome, words.because?.reason.replaceAll('_', ' ')].filter(Boolean).join(', '));
}

function sayWhenEmpty() {
  const none =
    wanted() === ''
      ? 'No attempts in this time. Sign up or sign in on another tab, and they show up here.'
      : 'No attempts with this outcome in this time.';
  say(said, list.childElementCount === 0 ? none : '');
}

let drawing = false;

/** However much happens, the charts are drawn once a frame. */
function drawSoon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    showCharts(counted, isComplete, range());
  });
}

/** @param {Attempt} attempt */
function itemFor(attempt) {
  const item = element('li', /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
  const words = wordsFor(attempt);
  const at = new Date(attempt.time);
  item.dataset.attempt = attempt.attemptId;

  const outcome = element('.outcome', item);
  outcome.textContent = words.outcome;
  outcome.dataset.outcome = attempt.outcome;
  element('.name', item).textContent = words.name;
  element('.mode', item).textContent = words.mode ?? '';
  if (words.because) {
    element('.because code', item).textContent = words.because.reason;
    element('.because .quiet', item).textContent = words.because.source;
  } else element('.because', item).remove();
  const when = /** @type {HTMLTimeElement} */ (element('time', item));
  when.dateTime = attempt.time;
  when.textContent = time.format(at);
  when.title = dateAndTime.format(at);
  element('.attempt-id code', item).textContent = attempt.attemptId;
  const explain = /** @type {HTMLAnchorElement} */ (element('.attempt-id a', item));
  explain.href = `/attempts/${attempt.eventId}`;
  explain.ariaLabel = `Explain: ${[words.name, words.outcome, time.format(at)].join(', ')}`;

  const { asked, claimed, proved, enforced } = words;
  if (!asked) element('.evidence', item).remove();
  else {
    fill('.asked', [asked.what, asked.more]);
    fill('.claimed', [claimed ?? 'Does not apply']);
    fill('.proved', [proved?.what ?? (proved ? null : 'A new key: nothing to prove it against')]);
    for (const { holds, what } of proved?.facts ?? []) {
      const fact = document.createElement('span');
      fact.className = holds ? 'fact holds' : 'fact';
      fact.textContent = holds ? what : `no ${what}`;
      element('.proved dd', item).append(fact);
    }
    fill('.enforced', [enforced?.verdict ?? 'Does not apply', enforced?.more]);
    element('.proved', item).dataset.signature = attempt.proved.signature;
    element('.enforced', item).dataset.enforcement = attempt.enforcement;
  }
  return item;

  /**
   * @param {string} selector
   * @param {(string | null | undefined)[]} lines
   */
  function fill(selector, lines) {
    for (const line of lines) {
      if (!line) continue;
      const part = document.createElement('span');
      part.textContent = line;
      element(`${selector} dd`, item).append(part);
    }
  }
}
