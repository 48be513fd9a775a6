// @ts-check
// The list: one line an attempt, opened in place, filtered and counted by the server, and new ones as they happen,
// unless they are paused or somebody reads. What is filtered by is in the address, so that the way back from an attempt leads
// to the same. Text goes in as text only.
import { ranges, showCharts } from './chart.js';
import { element, say } from './page.js';
import { enforcements, kinds, outcomes, wordsFor } from './words.js';

/** @typedef {import('./words.js').Attempt} Attempt */

/** No more lines than this are kept for new ones; whoever asked for older ones keeps what is there. */
const shown = 50;
/** In milliseconds: new lines are shown, counts asked for, and news read out, no more often than that. */
const showEvery = 100;
const countEvery = 2_000;
const announceEvery = 5_000;

const list = element('#attempts');
const said = element('#said');
const live = element('#live');
const news = element('#news');
const pause = element('#pause');
const waiting = element('#waiting');
const older = element('#older');
const template = /** @type {HTMLTemplateElement} */ (element('#attempt'));
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });
const dateAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

/** What is asked for. @type {Record<string, string>} */
const wanted = { range: '30m', kind: 'attempts', outcome: '', reason: '', enforcement: '', at: '' };
/** As in the address when it is left out. */
const usual = { ...wanted };
for (const [name, value] of new URLSearchParams(location.search)) if (Object.hasOwn(wanted, name)) wanted[name] = value;

/** New ones that wait to be shown, the newest first. @type {Attempt[]} */
let held = [];
/** How many came besides these. */
let more = 0;
let isPaused = false;
/** The request that counts: an answer to an earlier one is not shown. */
let asked = 0;

offer('range', Object.fromEntries(Object.entries(ranges).map(([value, { name }]) => [value, name])));
offer('kind', kinds);
offer('outcome', { '': 'All', ...outcomes });

/**
 * One choice of several; the address may have made it.
 * @param {string} name
 * @param {Record<string, string>} choices
 */
function offer(name, choices) {
  if (!Object.hasOwn(choices, wanted[name] ?? ''))
    wanted[name] = /** @type {Record<string, string>} */ (usual)[name] ?? '';
  for (const [value, words] of Object.entries(choices)) {
    const choice = document.createElement('input');
    const checked = value === wanted[name];
    Object.assign(choice, { type: 'radio', name, value, id: `${name}-${value || 'all'}`, checked });
    choice.addEventListener('change', () => choose({ [name]: value, ...(name === 'range' && { at: '' }) }));
    const label = document.createElement('label');
    label.htmlFor = choice.id;
    label.textContent = words;
    element(`#${name}`).append(choice, label);
  }
}

/** @param {Record<string, string>} change */
function choose(change) {
  Object.assign(wanted, change);
  const written = Object.entries(wanted).filter(
    ([name, value]) => value !== /** @type {Record<string, string>} */ (usual)[name],
  );
  history.replaceState(null, '', written.length > 0 ? `?${new URLSearchParams(written)}` : location.pathname);
  load();
}

/** What bars and reasons lead to can be taken back here. */
function showChips() {
  const chips = [
    wanted.reason && { name: 'reason', words: `Reason: ${wanted.reason}` },
    wanted.enforcement && {
      name: 'enforcement',
      words: `Immediate UI mode: ${/** @type {Record<string, string>} */ (enforcements)[wanted.enforcement] ?? wanted.enforcement}`,
    },
    wanted.at && { name: 'at', words: `From ${dateAndTime.format(Number(wanted.at))}` },
  ].filter((chip) => typeof chip === 'object');
  element('#chips').replaceChildren(
    ...chips.map(({ name, words }) => {
      const chip = document.createElement('button');
      chip.type = 'button';
      chip.className = 'chip';
      chip.textContent = words;
      chip.ariaLabel = `${words}. Remove this filter`;
      chip.addEventListener('click', () => {
        choose({ [name]: '' });
        element('#latest').focus();
      });
      return chip;
    }),
  );
}

/** The server ends the stream now and then, and the browser comes back within a second: nobody need be told. */
const backWithin = 4_000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let missing;
let hasLoaded = false;

const stream = new EventSource(address('stream'));
// What was before, and during a break, is asked for.
stream.addEventListener('open', () => {
  clearTimeout(missing);
  missing = undefined;
  say(live, 'Live', null);
  live.dataset.state = 'on';
  if (hasLoaded) catchUp();
  else load();
});
// Every try that fails is an error.
stream.addEventListener('error', () => {
  if (stream.readyState !== EventSource.CLOSED)
    missing ??= setTimeout(() => lost('Connection lost, trying again …'), backWithin);
  else lost('You may not see this any more, or the server has changed. Reload the page.');
});
stream.addEventListener('message', ({ data }) => {
  /** @type {import('../src/feed.ts').News} */
  const { attempts, left } = JSON.parse(data);
  for (const attempt of attempts) arrive(attempt);
  if (left > 0) arriveUnseen(left);
});

pause.addEventListener('click', () => {
  isPaused = !isPaused;
  pause.setAttribute('aria-pressed', String(isPaused));
  if (!isPaused) showHeld();
});
waiting.addEventListener('click', () => {
  showHeld();
  element('#latest').focus();
});
older.addEventListener('click', loadOlder);

// Time passes also when nothing happens.
setInterval(countSoon, 10_000);

/** @param {string} words */
function lost(words) {
  say(live, words, null);
  live.dataset.state = 'off';
}

/** The address of what is beside this script. @param {string} name */
function address(name) {
  return new URL(name, import.meta.url).href;
}

/** @param {Record<string, string>} [also] */
async function ask(also) {
  const response = await fetch(`${address('latest')}?${new URLSearchParams({ ...wanted, ...also })}`);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return /** @type {Promise<import('../src/feed.ts').Latest>} */ (response.json());
}

async function load() {
  const mine = ++asked;
  showChips();
  try {
    const { attempts, hasOlder, counts } = await ask();
    if (mine !== asked) return;
    hasLoaded = true;
    held = [];
    more = 0;
    list.replaceChildren(...attempts.map(itemFor));
    older.hidden = !hasOlder;
    draw(counts);
    sayWhatWaits();
    sayWhenEmpty();
  } catch {
    if (mine === asked) say(said, 'The attempts could not be loaded. Reload the page to try again.', 'refused');
  }
}

/** After a break. A list that is paused or read stays, and is told what came meanwhile. */
async function catchUp() {
  if (!isPaused && !isRead()) return load();
  const mine = asked;
  const first = /** @type {HTMLElement | null} */ (list.firstElementChild);
  const newest = held[0]?.eventId ?? first?.dataset.event ?? '';
  try {
    const { attempts } = await ask();
    if (mine !== asked) return;
    for (const attempt of attempts.toReversed()) if (attempt.eventId > newest) arrive(attempt);
  } catch {
    // The stream says when the server is gone.
  }
}

async function loadOlder() {
  const mine = asked;
  const last = /** @type {HTMLElement | null} */ (list.lastElementChild);
  try {
    const { attempts, hasOlder } = await ask({ before: last?.dataset.event ?? '' });
    if (mine !== asked) return;
    const items = attempts.map(itemFor);
    list.append(...items);
    older.hidden = !hasOlder;
    // The button may be gone; the first that is new is where reading goes on.
    if (items[0]) element('summary', items[0]).focus();
  } catch {
    say(said, 'Older attempts could not be loaded. Try again.', 'refused');
  }
}

/** @param {Attempt} attempt */
function isWanted({ name, outcome, reason, enforcement }) {
  return (
    wanted.at === '' &&
    (wanted.kind === 'all' || (wanted.kind === 'changes') !== name.endsWith('.attempt')) &&
    (wanted.outcome === '' || wanted.outcome === outcome) &&
    (wanted.reason === '' || wanted.reason === reason) &&
    (wanted.enforcement === '' || (wanted.enforcement === enforcement && name === 'latchkey.signin.attempt'))
  );
}

/** Somebody has opened a line, has the focus in the list, or has scrolled into it: then nothing moves. */
function isRead() {
  return (
    list.querySelector('details[open]') !== null ||
    list.contains(document.activeElement) ||
    list.getBoundingClientRect().top < 0
  );
}

/** @param {Attempt} attempt */
function arrive(attempt) {
  countSoon();
  if (!isWanted(attempt)) return;
  held.unshift(attempt);
  if (held.length > shown) {
    held.length = shown;
    more += 1;
  }
  showSoon();
  announce(attempt);
}

/** Those that came before what arrived. @param {number} many attempts, that nobody sent */
function arriveUnseen(many) {
  if (isFiltered()) catchUp();
  else {
    more += many;
    unsaidBesides += many;
  }
}

let showing = false;

/** However much happens, it is shown a few times a second. */
function showSoon() {
  if (showing) return;
  showing = true;
  setTimeout(() => {
    showing = false;
    if (held.length === 0) return;
    if (isPaused || isRead()) sayWhatWaits();
    else showHeld();
  }, showEvery);
}

function showHeld() {
  const items = held.map(itemFor);
  held = [];
  more = 0;
  for (const item of items) item.classList.add('new');
  const there = new Set(items.map(({ dataset }) => dataset.event));
  for (const item of [...list.children]) if (there.has(/** @type {HTMLElement} */ (item).dataset.event)) item.remove();
  list.prepend(...items);
  while (list.childElementCount > shown) {
    list.lastElementChild?.remove();
    older.hidden = false;
  }
  sayWhatWaits();
  sayWhenEmpty();
}

function sayWhatWaits() {
  const many = held.length + more;
  waiting.hidden = many === 0;
  waiting.textContent = many === 1 ? '1 new attempt' : `${many} new attempts`;
}

/** Since the last announcement. @type {Attempt[]} */
let unsaid = [];
let unsaidBesides = 0;
let announcing = false;

/** At most one summary in some seconds is read out. @param {Attempt} attempt */
function announce(attempt) {
  unsaid.push(attempt);
  if (announcing) return;
  announcing = true;
  tellNews();
}

function tellNews() {
  const [first] = unsaid;
  if (!first) {
    announcing = false;
    return;
  }
  const words = wordsFor(first);
  const alone = [words.name, words.outcome, words.because?.reason.replaceAll('_', ' ')].filter(Boolean).join(', ');
  const many = unsaid.length + unsaidBesides;
  say(news, many === 1 ? alone : `${many} new attempts`, null);
  unsaid = [];
  unsaidBesides = 0;
  setTimeout(tellNews, announceEvery);
}

function isFiltered() {
  return Object.entries(usual).some(([name, value]) => name !== 'range' && wanted[name] !== value);
}

function sayWhenEmpty() {
  const none = isFiltered()
    ? 'Nothing in this time fits these filters.'
    : 'No attempts in this time. Those that come show up here by themselves.';
  say(said, list.childElementCount === 0 ? none : '', 'note');
}

let counting = false;

function countSoon() {
  if (counting) return;
  counting = true;
  setTimeout(async () => {
    const mine = asked;
    try {
      const { counts } = await ask({ only: 'counts' });
      if (mine === asked) draw(counts);
    } catch {
      // The stream says when the server is gone.
    }
    counting = false;
  }, countEvery);
}

/** @param {import('../src/feed.ts').Counts} counts */
function draw(counts) {
  showCharts(counts, /** @type {import('./chart.js').Range} */ (wanted.range), (change) => {
    choose(change);
    element('#latest').focus();
  });
}

/** @param {Attempt} attempt */
function itemFor(attempt) {
  const item = element('li', /** @type {DocumentFragment} */ (template.content.cloneNode(true)));
  const words = wordsFor(attempt);
  const at = new Date(attempt.time);
  item.dataset.attempt = attempt.attemptId;
  item.dataset.event = attempt.eventId;

  const outcome = element('.outcome', item);
  outcome.textContent = words.outcome;
  outcome.dataset.outcome = attempt.outcome;
  element('.name', item).textContent = words.name;
  element('.mode', item).textContent = words.mode ?? '';
  element('.marks', item).textContent = (words.proved?.facts ?? [])
    .map(({ holds, what }) => `${holds ? '✓' : '✗'} ${what}`)
    .join('  ');
  element('.because', item).textContent = words.because?.reason ?? '';
  const when = /** @type {HTMLTimeElement} */ (element('time', item));
  when.dateTime = attempt.time;
  when.textContent = (at.toDateString() === new Date().toDateString() ? time : dayAndTime).format(at);
  when.title = dateAndTime.format(at);
  element('.attempt-id code', item).textContent = attempt.attemptId;
  const explain = /** @type {HTMLAnchorElement} */ (element('.explain', item));
  explain.href = address(attempt.eventId);
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
    const { dataset } = element('.enforced', item);
    Object.assign(dataset, { enforcement: attempt.enforcement, policy: attempt.asked.policy });
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
