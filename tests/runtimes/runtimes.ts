// `npm run runtimes`: the HTTP contract on Node.js, Bun, Deno and workerd, over each framework and each store, and whether one
// conversation is answered byte for byte as by Express 5 on Node.js; then the example on Hono, and the store contracts. Writes how
// the first went to results.json, which `npm run reference` makes a page of; what differs comes on stderr. npx brings Bun and Deno;
// npm test needs neither.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { exchangeOn } from '../http/exchange.ts';
import { mounts } from '../http/mounts.ts';
import { useHonoExample } from './examples.ts';
import type { Finding, Result } from './finding.ts';
import type { StoreFinding } from './stores.ts';

const BUN = 'bun@1.4.5';
const DENO = 'deno@2.9.6';
const NODE = [process.execPath];
const RUNTIMES: Record<string, readonly string[]> = {
  [`Node.js ${process.versions.node}`]: NODE,
  [BUN.replace('bun@', 'Bun ')]: ['npx', '--yes', BUN],
  [DENO.replace('deno@', 'Deno ')]: ['npx', '--yes', DENO, 'run', '--allow-all', '--no-lock'],
};
const WORKERD = 'workerd, by Miniflare 4';

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const RESULTS = file('results.json');
const names = process.argv.slice(2);
const chosen = (runtime: string) => names.length === 0 || names.some((name) => runtime.startsWith(name));
const faults: string[] = [];

/** What a program of this folder found on a runtime. */
async function findings<Of>(program: string, [command = '', ...args]: readonly string[], runtime: string) {
  const child = spawn(command, [...args, file(program)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const lines = output.split('\n').filter((line) => line.startsWith('{"'));
  if (code !== 0 || lines.length === 0) faults.push(`${program} on ${runtime} ended with ${code}.`);
  return { runtime, found: lines.map((line): Of => JSON.parse(line)) };
}

async function httpContract(): Promise<void> {
  // As it comes out of a line of JSON.
  const first: unknown = JSON.parse(JSON.stringify(await exchangeOn(mounts['Express 5'])));
  // All at once: they wait more than they compute.
  const runs = [
    ...Object.entries(RUNTIMES).map(([runtime, command]) => ({ runtime, command, program: 'contract.ts' })),
    { runtime: WORKERD, command: NODE, program: 'workerd.ts' },
  ];
  const started = runs.filter(({ runtime }) => chosen(runtime));
  const ended = await Promise.all(started.map((run) => findings<Finding>(run.program, run.command, run.runtime)));
  const results: Result[] = [];
  for (const { runtime, found } of ended) {
    for (const { framework, store, rules, failed, exchange } of found) {
      const same = isDeepStrictEqual(exchange, first);
      const passed = rules - failed.length;
      results.push({ runtime, framework, store, rules, passed, same });
      console.log(`${runtime}, ${framework}, ${store}: ${passed} of ${rules}, ${same ? 'the same' : 'other'} answers`);
      faults.push(...failed.map(({ rule, why }) => `${runtime}, ${framework}, ${store}: ${rule}: ${why}`));
      if (!same) faults.push(`${runtime}, ${framework}: ${differences(exchange, first)}`);
    }
  }
  const before: Result[] = existsSync(RESULTS) ? JSON.parse(readFileSync(RESULTS, 'utf8')) : [];
  const order = runs.map(({ runtime }) => runtime);
  const kept = before.filter(({ runtime }) => order.includes(runtime) && !chosen(runtime));
  const all = [...kept, ...results].sort((a, b) => order.indexOf(a.runtime) - order.indexOf(b.runtime));
  writeFileSync(RESULTS, `${JSON.stringify(all, null, 2)}\n`);
  console.log('tests/runtimes/results.json is written. Now: npm run reference');
}

async function storeContracts(): Promise<void> {
  const rows = ['| runtime | store | rules passed |', '| --- | --- | --- |'];
  for (const [runtime, command] of Object.entries(RUNTIMES)) {
    for (const { store, rules, failed } of (await findings<StoreFinding>('stores.ts', command, runtime)).found) {
      rows.push(`| ${runtime} | ${store} | ${rules - failed.length} of ${rules} |`);
      faults.push(...failed.map(({ rule, why }) => `${runtime}, ${store}: ${rule}: ${why}`));
    }
  }
  console.log(rows.join('\n'));
}

async function examples(): Promise<void> {
  for (const [name, program] of [
    ['Bun', 'bun.ts'],
    ['Deno', 'deno.ts'],
  ] as const) {
    const [runtime, command] = Object.entries(RUNTIMES).find(([each]) => each.startsWith(name))!;
    if (!chosen(runtime)) continue;
    try {
      await useHonoExample(program, command);
      console.log(`examples/hono on ${runtime}: a passkey signed up, out and in`);
    } catch (error) {
      faults.push(`examples/hono on ${runtime}: ${error}`);
    }
  }
}

if (names[0] !== 'stores') {
  await httpContract();
  await examples();
}
if (names.length === 0 || names[0] === 'stores') await storeContracts();
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
