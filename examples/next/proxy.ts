/** Stands before the pages for people who are signed in; all others are sent to the first page, which can lead them back. */
import { guard } from './passkeys.ts';

export const proxy = guard({ redirectTo: '/' });

/** A server action asks by itself, and answers in a way that its page understands. */
export const config = {
  matcher: [{ source: '/account', missing: [{ type: 'header', key: 'next-action' }] }],
};
