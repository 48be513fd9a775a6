// `npm run runtimes`: the HTTP contract on Node.js, Bun, Deno and workerd, over each framework and each store, and whether one
// conversation is answered byte for byte as by Express 5 on Node.js. Writes how it went to results.json, which `npm run reference`
// makes a page of; what differs comes on stderr. `npm run runtimes -- Bun` runs one of them again, and keeps what there is of the
// others. npx brings Bun and Deno; npm test needs neither.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { exchangeOn } from '../http/exchange.ts';
import { mounts } from '../http/mounts.ts';
import type { Finding, Result } from './finding.ts';

const BUN = 'bun@1.4.5';
const DENO = 'deno@2.9.6';
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const RUNTIMES: Record<string, readonly string[]> = {
  [`Node.js ${process.versions.node}`]: [process.execPath, file('contract.ts')],
  [BUN.replace('bun@', 'Bun ')]: ['npx', '--yes', BUN, file('contract.ts')],
  [DENO.replace('deno@', 'Deno ')]: ['npx', '--yes', DENO, 'run', '--allow-all', '--no-lock', file('contract.ts')],
  'workerd, by Miniflare 4': [process.execPath, file('workerd.ts')],
};

const RESULTS = file('results.json');
const chosen = (runtime: string) => {
  const names = process.argv.slice(2);
  return names.length === 0 || names.some((name) => runtime.startsWith(name));
};
const results: Result[] = [];
const faults: string[] = [];
/** As it comes out of a line of JSON. */
const first: unknown = JSON.parse(JSON.stringify(await exchangeOn(mounts['Express 5'])));

/** All at once: they wait more than they compute. */
const started = Object.entries(RUNTIMES).filter(([runtime]) => chosen(runtime));
const runs = started.map(async ([runtime, [command = '', ...args]]) => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const lines = output.split('\n').filter((line) => line.startsWith('{"framework"'));
  return { runtime, code, findings: lines.map((line): Finding => JSON.parse(line)) };
});
for (const { runtime, code, findings } of await Promise.all(runs)) {
  if (code !== 0 || findings.length === 0) faults.push(`${runtime} ended with ${code}.`);
  for (const { framework, store, rules, failed, exchange } of findings) {
    const same = isDeepStrictEqual(exchange, first);
    const passed = rules - failed.length;
    results.push({ runtime, framework, store, rules, passed, same });
    console.log(`${runtime}, ${framework}, ${store}: ${passed} of ${rules}, ${same ? 'the same' : 'other'} answers`);
    faults.push(...failed.map(({ rule, why }) => `${runtime}, ${framework}, ${store}: ${rule}: ${why}`));
    if (!same) faults.push(`${runtime}, ${framework}: ${differences(exchange, first)}`);
  }
}

const before: Result[] = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : [];
const kept = before.filter(({ runtime }) => runtime in RUNTIMES && !chosen(runtime));
const order = Object.keys(RUNTIMES);
const all = [...kept, ...results].sort((a, b) => order.indexOf(a.runtime) - order.indexOf(b.runtime));
writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
console.log('tests/runtimes/results.json is written. Now: npm run reference');
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

/** The answers that differ, each with what was expected. */
function differences(got: unknown, expected: unknown): string {
  if (!Array.isArray(got) || !Array.isArray(expected)) return String(got);
  return got
    .flatMap((answer, at) =>
      isDeepStrictEqual(answer, expected[at])
        ? []
        : [`answered ${JSON.stringify(answer)} instead of ${JSON.stringify(expected[at])}`],
    )
    .join('\n');
}
