export {};
import { passkeys } from 'given';
// route.ts, in app/passkeys/[...path]/
import { fetchPasskeys } from '@latchkey/fetch';

const { fetch } = fetchPasskeys(passkeys);
const handler = async (request: Request) => (await fetch(request)) ?? new Response(null, { status: 404 });

export { handler as DELETE, handler as GET, handler as HEAD, handler as OPTIONS, handler as PATCH, handler as POST };