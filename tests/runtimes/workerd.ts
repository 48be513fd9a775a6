// Runs the HTTP contract on workerd, Cloudflare's runtime, over its own server. Prints a line of JSON for each store, as contract.ts
// does elsewhere.
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';
import { bundleWorker, COMPATIBILITY } from '../../scripts/release/bundle.ts';
import { kinds, swept } from '../http/support/stores.ts';
import type { Finding } from './finding.ts';

const framework = 'fetch, in Hono 4 on workerd';
const postgres = await kinds.find(({ name }) => name === 'PostgreSQL')!.open();
const workerd = new Miniflare({
  ...COMPATIBILITY,
  modules: true,
  script: await bundleWorker({ entryPoints: [fileURLToPath(new URL('worker.ts', import.meta.url))] }),
  bindings: { POSTGRES: [...postgres.place] },
  // Past Miniflare's own front, which adds headers of Cloudflare's.
  unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
});
const { port } = await workerd.unsafeGetDirectURL();
/** What hangs has failed. */
const PATIENCE_MS = 60_000;
const ask = async (query: string) => {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  return (await fetch(`http://localhost:${port}/contract${query}`, { signal })).json();
};

const rules: string[] = await ask('');
const exchange = await ask('?rule=exchange').catch(String);
for (const store of ['memory', 'PostgreSQL']) {
  const failed: { rule: string; why: string }[] = [];
  for (const [index, rule] of rules.entries()) {
    if (store === 'PostgreSQL') await swept(postgres.store);
    const why = await ask(`?rule=${index}&store=${store}`).catch(String);
    if (why !== null) failed.push({ rule, why });
  }
  console.log(JSON.stringify({ framework, store, rules: rules.length, failed, exchange } satisfies Finding));
}
await workerd.dispose();
await postgres.close();
