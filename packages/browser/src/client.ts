// client.js, the module that the server sends: as the package, but it asks where it was loaded from.

import { createPasskeyClient as createClient, type PasskeyClient, type PasskeyClientOptions } from './index.ts';

export * from './index.ts';

const { origin, pathname } = new URL(import.meta.url);
const mount = origin === location.origin ? /^(.*)\/client\.js$/.exec(pathname)?.[1] : undefined;

export function createPasskeyClient(options: PasskeyClientOptions = {}): PasskeyClient {
  return createClient({ ...options, baseUrl: options.baseUrl ?? mount });
}
