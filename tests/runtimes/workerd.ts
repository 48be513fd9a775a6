// Runs the HTTP contract on workerd, Cloudflare's runtime, over its own server. Prints a line of JSON, as contract.ts does elsewhere.
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';
import { bundleWorker, COMPATIBILITY } from '../../scripts/release/bundle.ts';
import type { Finding } from './contract.ts';

const workerd = new Miniflare({
  ...COMPATIBILITY,
  modules: true,
  script: await bundleWorker({ entryPoints: [fileURLToPath(new URL('worker.ts', import.meta.url))] }),
  // Past Miniflare's own front, which adds headers of Cloudflare's.
  unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
});
const { port } = await workerd.unsafeGetDirectURL();
const ask = async (query: string) => (await fetch(`http://localhost:${port}/contract${query}`)).json();

const failed: { rule: string; why: string }[] = [];
const rules: string[] = await ask('');
for (const [index, rule] of rules.entries()) {
  const why = await ask(`?rule=${index}`).catch(String);
  if (why !== null) failed.push({ rule, why });
}
const exchange = await ask('?rule=exchange').catch(String);
const framework = 'fetch, in Hono 4 on workerd';
const finding: Finding = { framework, store: 'memory', rules: rules.length, failed, exchange };
console.log(JSON.stringify(finding));
await workerd.dispose();
