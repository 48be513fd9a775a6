// @ts-check
// What every script here needs of its page.

/**
 * The element that must be there.
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLElement}
 */
export function element(selector, within = document) {
  const found = within.querySelector(selector);
  if (found instanceof HTMLElement) return found;
  throw new Error(`The page has no ${selector}`);
}

/**
 * Says one thing, in place of what was said before.
 * @param {HTMLElement} status
 * @param {string} words
 * @param {'note' | 'refused' | null} kind what the words are; null for what is going on
 */
export function say(status, words, kind) {
  status.textContent = words;
  if (kind === null || words === '') delete status.dataset.kind;
  else status.dataset.kind = kind;
}
