// @ts-check
// A button that starts something: once at a time, with words beside it, and the keyboard's focus where it was.

/**
 * Runs `work` on a click. While it runs, the button says so and does not start another.
 * @param {HTMLElement} button
 * @param {HTMLElement} status where the words go (role=status)
 * @param {string} doing what is going on, in words
 * @param {() => Promise<string | { done: string } | undefined>} work resolves to the words for what went wrong, or for what
 *   was done, if there are any
 */
export function onAsked(button, status, doing, work) {
  button.addEventListener('click', async () => {
    if (button.ariaBusy === 'true') return;
    // Not `disabled`: that would throw the focus away.
    button.ariaBusy = 'true';
    say(status, doing, null);
    const words = await work();
    button.ariaBusy = null;
    if (typeof words === 'object') say(status, words.done, 'done');
    else say(status, words ?? '', 'refused');
  });
}

/**
 * Says one thing, in place of what was said before.
 * @param {HTMLElement} status
 * @param {string} words
 * @param {'done' | 'note' | 'refused' | null} kind what the words are; null for what is going on
 */
export function say(status, words, kind) {
  status.textContent = words;
  if (kind === null || words === '') delete status.dataset.kind;
  else status.dataset.kind = kind;
}

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
