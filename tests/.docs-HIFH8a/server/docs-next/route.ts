export {};
// route.ts, in app/passkeys/[...path]/
import { handlers } from './passkeys.ts';

export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = handlers;