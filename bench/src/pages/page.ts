/**
 * What the page of every contestant has: one button, and how long it took from the click until somebody was signed in, without
 * the person's own time.
 */

/** How long a person looks at the browser's sheet. The virtual authenticator would answer before any server could. */
const PERSON_MS = 1_000;

interface Scope {
  /** Fetches ahead what the click will need, where the contestant can. */
  prepare: () => Promise<unknown>;
  /** Milliseconds from the click on. */
  took: Promise<number>;
}

export function page(signIn: () => Promise<unknown>, prepare: Scope['prepare'] = async () => {}): void {
  const button = document.createElement('button');
  button.textContent = 'Sign in';
  let person = 0;
  const get = navigator.credentials.get.bind(navigator.credentials);
  navigator.credentials.get = async (options) => {
    const given = await get(options);
    const answeredAt = performance.now();
    await new Promise((resolve) => setTimeout(resolve, PERSON_MS));
    person = performance.now() - answeredAt;
    return given;
  };
  const took = new Promise<number>((resolve, reject) => {
    button.onclick = () => {
      const clickedAt = performance.now();
      signIn().then(() => resolve(performance.now() - clickedAt - person), reject);
    };
  });
  Object.assign(globalThis, { prepare, took } satisfies Scope);
  document.body.append(button);
}
