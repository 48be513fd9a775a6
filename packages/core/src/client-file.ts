/** The built browser client, as the package carries it: one ES module. The build puts it beside this package. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

let client: { readonly source: string; readonly etag: string } | undefined;

/** The source of `client.js` and its entity tag. The path holds from `src/` and from the one bundled file in `dist/`. */
export function clientFile(): { readonly source: string; readonly etag: string } {
  if (client === undefined) {
    const source = readFileSync(new URL('../client/client.js', import.meta.url), 'utf8');
    client = { source, etag: `"${createHash('sha256').update(source).digest('base64url').slice(0, 22)}"` };
  }
  return client;
}
