export {};
// proxy.ts
import { guard } from './passkeys.ts';

export const proxy = guard({ redirectTo: '/sign-in' });
export const config = {
  matcher: [{ source: '/account/:path*', missing: [{ type: 'header', key: 'next-action' }] }],
};