// @ts-check
// The charts over the list: attempts over time by outcome, how many sign-ins were enforced, and the reasons. What
// they show is in words and numbers too, for who does not see them; a texture goes with each colour that may be confused.
import { element } from './page.js';
import { enforcements, outcomes } from './words.js';

/** @typedef {import('./words.js').Outcome} Outcome */
/** @typedef {import('./words.js').Enforcement} Enforcement */
/** @typedef {import('../src/feed.ts').Counts} Counts */

/** How far back the page looks. */
export const ranges = /** @type {const} */ ({
  '30m': { name: '30 minutes', each: 'a minute' },
  '24h': { name: '24 hours', each: 'an hour' },
  '7d': { name: '7 days', each: 'in six hours' },
});

/** @typedef {keyof typeof ranges} Range */

/** The viewBox of the SVG. */
const width = 600;
const height = 96;
const kinds = /** @type {Outcome[]} */ (Object.keys(outcomes));
const shares = /** @type {Enforcement[]} */ (Object.keys(enforcements));
const mostReasons = 8;
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dayAndTime = new Intl.DateTimeFormat(undefined, { weekday: 'short', hour: 'numeric', minute: '2-digit' });
const cursor = /** @type {HTMLInputElement} */ (element('#cursor'));

/** @typedef {{ at: number, total: number, by: Readonly<Record<Outcome, number>> }} Bar */
/** @type {Bar[]} */
let bars = [];
/** @type {Range} */
let drawn = '30m';
/** Filters by what was pressed. @type {(change: Record<string, string>) => void} */
let lead = () => {};
cursor.addEventListener('input', look);
element('#bars-figure').addEventListener('click', (event) => {
  const box = document.querySelector('#chart')?.getBoundingClientRect();
  if (!box || !(event.target instanceof SVGElement)) return;
  cursor.value = String(Math.floor(((event.clientX - box.left) / box.width) * bars.length));
  look();
});
element('#show-bar').addEventListener('click', () => lead({ at: String(bars[Number(cursor.value)]?.at ?? '') }));

/**
 * Draws what the server counted. Bars, shares and reasons lead to the attempts that they stand for.
 * @param {Counts} counts
 * @param {Range} range
 * @param {(change: Record<string, string>) => void} choose
 */
export function showCharts({ start, step, bars: counted, enforcement, policy, reasons, atMost }, range, choose) {
  lead = choose;
  document.body.dataset.immediate = policy ?? '';
  const { each, name } = ranges[range];
  bars = counted.map((by, index) => ({ at: start + index * step, total: sum(by), by }));
  const total = Object.fromEntries(kinds.map((kind) => [kind, bars.reduce((all, { by }) => all + by[kind], 0)]));
  const top = Math.max(4, ...bars.map((bar) => bar.total));
  drawBars(top);
  put('#chart-title', `The last ${name}`);
  put('#chart-from', `${name} ago`);
  put('#chart-top', `up to ${top} ${each}`);
  const parts = kinds.filter((kind) => total[kind]).map((kind) => `${outcomes[kind].toLowerCase()} ${total[kind]}`);
  const summary = `${howMany(sum(total), 'attempt')}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}.`;
  put('#chart-summary', atMost === null ? summary : `${summary} Only the newest ${atMost} records are counted.`);
  tabulate(bars.filter((bar) => bar.total > 0));
  const last = String(bars.length - 1);
  if (cursor.max !== last || range !== drawn) {
    cursor.max = last;
    cursor.value = last;
  }
  drawn = range;
  look();
  showEnforcement(enforcement, policy);
  showReasons(reasons);
}

/** What the bar under the cursor stands for, in words. */
function look() {
  const index = Number(cursor.value);
  const bar = bars[index];
  if (!bar) return;
  const parts = kinds
    .filter((kind) => bar.by[kind] > 0)
    .map((kind) => `${outcomes[kind].toLowerCase()} ${bar.by[kind]}`);
  const words = `${timeOf(bar.at)}: ${parts.join(', ') || 'nothing'}`;
  put('#cursor-says', words);
  cursor.setAttribute('aria-valuetext', words);
  const step = width / bars.length;
  const mark = document.querySelector('#mark');
  mark?.setAttribute('x', String(index * step));
  mark?.setAttribute('width', String(step));
}

/** @param {number} at */
const timeOf = (at) => (drawn === '7d' ? dayAndTime : timeOfDay).format(at);

/** @param {number} top */
function drawBars(top) {
  const step = width / bars.length;
  const gap = step / 10;
  const shapes = bars.flatMap((bar, index) => {
    const place = { x: index * step + gap, width: step - 2 * gap };
    let y = height - 1;
    const stacked = kinds.flatMap((kind) => {
      const tall = (bar.by[kind] / top) * (height - 2);
      y -= tall;
      return tall > 0 ? block({ ...place, y, height: tall }, kind) : [];
    });
    return [shape('rect', { ...place, y: height - 1, height: 1, class: 'base' }), ...stacked];
  });
  document.querySelector('#bars')?.replaceChildren(...shapes);
}

/**
 * @param {Readonly<Record<Enforcement, number>>} signIns
 * @param {Counts['policy']} policy
 */
function showEnforcement(signIns, policy) {
  const all = sum(signIns);
  let x = 0;
  const parts = shares.flatMap((share) => {
    const wide = all === 0 ? 0 : (signIns[share] / all) * width;
    x += wide;
    return wide > 0 ? block({ x: x - wide, y: 0, width: wide, height: 24 }, share) : [];
  });
  document.querySelector('#enforcement-bar')?.replaceChildren(...parts);
  const lines = shares.map((share) => {
    const percent = all === 0 ? '' : ` (${Math.round((signIns[share] / all) * 100)} %)`;
    return entry(share, button(enforcements[share], { enforcement: share }), `${signIns[share]}${percent}`);
  });
  // A line that has the focus stays, with its new number.
  exchange(element('#enforcement-list'), lines);
  const under =
    policy === 'prefer' && signIns.not_enforced > 0
      ? ' Under “prefer”, those not enforced came in by autofill or the sheet, verified all the same.'
      : '';
  put('#enforcement-summary', all === 0 ? 'No sign-ins in this time.' : `Of ${howMany(all, 'sign-in')}.${under}`);
}

/** @param {readonly (readonly [string, number])[]} sorted */
function showReasons(sorted) {
  const most = sorted[0]?.[1] ?? 1;
  const lines = sorted.slice(0, mostReasons).map(([reason, count]) => {
    const line = document.createElement('li');
    const name = button('', { reason });
    const code = document.createElement('code');
    code.textContent = reason;
    name.append(code);
    const number = document.createElement('span');
    number.textContent = String(count);
    const svg = shape('svg', { viewBox: `0 0 ${width} 8`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
    svg.append(shape('rect', { x: 0, y: 0, width: (count / most) * width, height: 8, class: 'reason' }));
    line.append(name, number, svg);
    return line;
  });
  exchange(element('#reasons-list'), lines);
  const rest = sorted.slice(mostReasons).reduce((all, [, count]) => all + count, 0);
  const none = sorted.length === 0 ? 'Nothing was refused, cancelled or abandoned.' : '';
  put('#reasons-summary', rest > 0 ? `And ${rest} for other reasons.` : none);
}

/**
 * A button that leads to the attempts behind a number.
 * @param {string} words
 * @param {Record<string, string>} change
 */
function button(words, change) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'as-link';
  made.dataset.leads = Object.values(change).join();
  made.textContent = words;
  made.addEventListener('click', () => lead(change));
  return made;
}

/**
 * New lines in place of the old ones; who has the focus in one keeps it.
 * @param {HTMLElement} list
 * @param {HTMLElement[]} lines
 */
function exchange(list, lines) {
  const { activeElement } = document;
  const had = list.contains(activeElement) && /** @type {HTMLElement} */ (activeElement).dataset.leads;
  list.replaceChildren(...lines);
  if (!had) return;
  const same = list.querySelector(`[data-leads="${had}"]`);
  if (same instanceof HTMLElement) same.focus();
}

for (const kind of kinds) element('#legend').append(entry(kind, outcomes[kind]));

/**
 * A line of a legend: a patch like its block in the chart, and words.
 * @param {Outcome | Enforcement} kind
 * @param {string | HTMLElement} words
 * @param {string} [number]
 */
function entry(kind, words, number) {
  const line = document.createElement('li');
  const patch = shape('svg', { viewBox: '0 0 14 14', class: 'patch', 'aria-hidden': 'true' });
  patch.append(...block({ x: 0, y: 0, width: 14, height: 14 }, kind));
  line.append(patch, words);
  if (number !== undefined) {
    const value = document.createElement('span');
    value.textContent = number;
    line.append(' ', value);
  }
  return line;
}

/**
 * A coloured rectangle, under its texture.
 * @param {Record<'x' | 'y' | 'width' | 'height', number>} place
 * @param {Outcome | Enforcement} kind
 */
function block(place, kind) {
  return [
    shape('rect', { ...place, class: kind }),
    shape('rect', { ...place, class: 'texture', fill: `url(#texture-${kind})` }),
  ];
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
function shape(name, attributes) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  return made;
}

/** @param {Bar[]} filled */
function tabulate(filled) {
  const table = element('#chart-table');
  element('thead', table).replaceChildren(row('th', ['From', ...kinds.map((kind) => outcomes[kind])]));
  const rows = filled.map((bar) => row('td', [timeOf(bar.at), ...kinds.map((kind) => bar.by[kind])]));
  element('tbody', table).replaceChildren(...rows);
}

/**
 * @param {'th' | 'td'} tag
 * @param {(string | number)[]} values
 */
function row(tag, values) {
  const line = document.createElement('tr');
  line.append(
    ...values.map((value, index) => {
      const cell = document.createElement(index === 0 ? 'th' : tag);
      cell.textContent = String(value);
      if (cell.tagName === 'TH') cell.setAttribute('scope', tag === 'th' ? 'col' : 'row');
      return cell;
    }),
  );
  return line;
}

/** @param {Readonly<Record<string, number>>} counts */
function sum(counts) {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

/**
 * @param {number} count
 * @param {string} what
 */
function howMany(count, what) {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/**
 * Sets the words only when they change: some screen readers read them again otherwise.
 * @param {string} selector
 * @param {string} words
 */
function put(selector, words) {
  const target = element(selector);
  if (target.textContent !== words) target.textContent = words;
}
