// Password managers' extensions put their own get() and create() in front of the browser's. Here they are imitated in the
// page: the real credential of the virtual authenticator is asked for, and handed on in the form that a test names.

import { page } from './page.ts';
import type { Json } from './server.ts';

/** What a shape has to work with, in the page. */
export interface Kit {
  /** The members of a credential in an object of one's own. */
  plain: (real: Json) => Json;
  /** Likewise, each ArrayBuffer passed through `how`. */
  withBytes: (real: Json, how: (bytes: ArrayBuffer) => unknown) => Json;
  /** A window of another realm. */
  frame: Json;
  base64url: (bytes: ArrayBuffer) => string;
}

export type Shape = (real: Json, kit: Kit) => unknown;

/** From now on the page's get() and create() ask the browser, note what it gave as `real`, and answer in this shape. */
export async function answerIn(shape: Shape) {
  await page.evaluate(`(${putInFront})(${shape})`);
}

/** From now on the page's get() and create() do this instead of asking the browser. */
export async function answerWith(answer: (kit: Pick<Kit, 'frame'>) => unknown) {
  await page.evaluate(`(${putInstead})(${answer})`);
}

/** What the browser itself would have written, of the credential that was asked for last. */
export const real = (): Promise<Json> => page.evaluate(() => (window as Json).real);

function putInFront(shape: Shape) {
  const scope = window as Json;
  const frame = document.body.appendChild(document.createElement('iframe')).contentWindow as Json;
  const base64url = (bytes: ArrayBuffer) =>
    btoa(String.fromCharCode(...new Uint8Array(bytes)))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '');
  const plain = (real: Json) => {
    const response: Json = {};
    for (const name of ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle', 'attestationObject']) {
      if (real.response[name] instanceof ArrayBuffer) response[name] = real.response[name];
    }
    if (real.response.getTransports) response.getTransports = () => real.response.getTransports();
    return {
      id: real.id,
      rawId: real.rawId,
      type: real.type,
      authenticatorAttachment: real.authenticatorAttachment,
      response,
      getClientExtensionResults: () => real.getClientExtensionResults(),
    };
  };
  const withBytes = (real: Json, how: (bytes: ArrayBuffer) => unknown) => {
    const credential = plain(real);
    credential.rawId = how(credential.rawId);
    for (const name in credential.response) {
      const bytes = credential.response[name];
      if (bytes instanceof ArrayBuffer) credential.response[name] = how(bytes);
    }
    return credential;
  };
  for (const name of ['get', 'create'] as const) {
    const original = navigator.credentials[name].bind(navigator.credentials) as (options: object) => Promise<Json>;
    navigator.credentials[name] = async (options: object = {}): Promise<Json> => {
      const given = await original(options);
      scope.real = given.toJSON();
      return shape(given, { plain, withBytes, frame, base64url });
    };
  }
}

function putInstead(answer: (kit: Pick<Kit, 'frame'>) => Promise<Credential | null>) {
  const frame = document.body.appendChild(document.createElement('iframe')).contentWindow;
  navigator.credentials.get = () => answer({ frame });
  navigator.credentials.create = () => answer({ frame });
}
