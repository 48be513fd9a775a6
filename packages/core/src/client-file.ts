/** The built modules for pages, as the package carries them. The build puts them beside this package. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** The browser client, and the elements, which load the client beside them. */
export type ClientFile = 'client.js' | 'elements.js';

const files = new Map<ClientFile, { readonly source: string; readonly etag: string }>();

/** The source of a module and its entity tag. The path holds from `src/` and from the one bundled file in `dist/`. */
export function clientFile(name: ClientFile): { readonly source: string; readonly etag: string } {
  let file = files.get(name);
  if (file === undefined) {
    const source = readFileSync(new URL(`../client/${name}`, import.meta.url), 'utf8');
    file = { source, etag: `"${createHash('sha256').update(source).digest('base64url').slice(0, 22)}"` };
    files.set(name, file);
  }
  return file;
}
