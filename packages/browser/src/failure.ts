// Why get() or create() gave no credential, from whatever they rejected with: an error of this realm or another, a plain
// object or a text that an extension passed between its worlds, or nothing at all.

import { read } from './credential.ts';

/** `name` as in https://webidl.spec.whatwg.org/#idl-DOMException-error-names, or one of ours; at most 64 characters. */
export interface Failure {
  name: string;
  message: string;
}

/** What the server is told when something came that is no credential. */
export const unreadableCredential = 'UnreadableCredential';

const unknown: Failure = { name: 'UnknownError', message: '' };

/** Reads an error by its name, or a text by the name in it. `otherwise` where there is none. */
export function failureOf(thrown: unknown, otherwise = unknown): Failure {
  const text = typeof thrown === 'string' ? thrown : read(thrown, 'name');
  const name = typeof text === 'string' && /\b\w{0,59}Error\b/.exec(text)?.[0];
  const message = read(thrown, 'message') ?? thrown;
  return name ? { name, message: typeof message === 'string' ? message : '' } : otherwise;
}
