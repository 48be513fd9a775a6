/** Stands before the pages for people who are signed in; all others are sent to the first page, which can lead them back. */
import { guard } from './passkeys.ts';

export const proxy = guard({ redirectTo: '/' });

export const config = { matcher: '/account' };
