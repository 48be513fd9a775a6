// What belongs to the page and not to one client: a browser has one sheet, one autofill and one binding cookie per page,
// however many clients, or copies of this module, the page has loaded. They meet under a registered symbol.

interface Page {
  /** The request that waits without a sheet (autofill, upgrade) and gives way to any other. */
  waiting?: AbortController | undefined;
  /** A ceremony that a person started is under way. */
  busy?: boolean;
  /** The server has answered an options request, so the binding cookie is set. */
  bound?: boolean;
  /** Settles with the options request that was sent last. */
  lastOptions: Promise<unknown>;
}

const shared = globalThis as { [name: symbol]: Page | undefined };

const name = Symbol.for('latchkey.page');

shared[name] ??= { lastOptions: Promise.resolve() };

export const page: Page = shared[name];

/** Makes what waits without a sheet give way. */
export function giveWay(): void {
  page.waiting?.abort();
  page.waiting = undefined;
}

/** The same for what waits from now on: it does so while `page.waiting` is still the controller that it got here. */
export function takeOver(): AbortController {
  giveWay();
  page.waiting = new AbortController();
  return page.waiting;
}

/** Sends options requests one after another until one has answered: two first ones would each set a binding cookie. */
export function inTurn<T>(send: () => Promise<T>): Promise<T> {
  if (page.bound) return send();
  const sent = page.lastOptions.then(send);
  page.lastOptions = sent;
  return sent;
}
