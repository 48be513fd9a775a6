// @ts-check
// A button that starts something: once at a time, with words beside it, and the keyboard's focus where it was.

/**
 * Runs `work` on a click or a submit. While it runs, the button says so and does not start another.
 * @param {HTMLElement} source the button, or the form whose submit it is
 * @param {HTMLElement} status where the words go (role=status)
 * @param {string} doing what is going on, in words
 * @param {() => Promise<string | undefined>} work resolves to the words for the result, if there are any
 */
export function onAsked(source, status, doing, work) {
  const button = source instanceof HTMLFormElement ? element('button[type=submit]', source) : source;
  source.addEventListener(source instanceof HTMLFormElement ? 'submit' : 'click', async (event) => {
    event.preventDefault();
    if (button.ariaBusy === 'true') return;
    // Not `disabled`: that would throw the focus away.
    button.ariaBusy = 'true';
    say(status, doing, false);
    const words = await work();
    button.ariaBusy = null;
    say(status, words ?? '', Boolean(words));
  });
}

/**
 * @param {HTMLElement} status
 * @param {string} words
 * @param {boolean} [result] marks the words as a result, not as what is going on
 */
export function say(status, words, result = true) {
  status.textContent = words;
  status.classList.toggle('result', result && words !== '');
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

/**
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLInputElement}
 */
export function input(selector, within) {
  return /** @type {HTMLInputElement} */ (element(selector, within));
}
