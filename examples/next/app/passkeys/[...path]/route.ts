/** Latchkey's own routes. */
import { handlers } from '../../../passkeys.ts';

export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = handlers;
