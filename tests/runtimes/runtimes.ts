// `npm run runtimes`: the HTTP contract on Node.js, Bun and Deno, over each framework and the runtime's own server, and whether
// one conversation is answered byte for byte as by Express 5 on Node.js; then the store contracts on each. Prints a table of each;
// what differs comes after them, on stderr. `npm run runtimes -- stores` is the second half. npx brings Bun and Deno; npm test needs neither.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Finding } from './contract.ts';
import type { StoreFinding } from './stores.ts';

const BUN = 'bun@1.4.5';
const DENO = 'deno@2.9.6';
const RUNTIMES: Record<string, readonly string[]> = {
  [`Node.js ${process.versions.node}`]: [process.execPath],
  [BUN.replace('bun@', 'Bun ')]: ['npx', '--yes', BUN],
  [DENO.replace('deno@', 'Deno ')]: ['npx', '--yes', DENO, 'run', '--allow-all', '--no-lock'],
};

const faults: string[] = [];

/** Runs a program of this folder on each runtime, and hands over each of its findings with the name of the runtime. */
async function onEach<Of>(program: string, take: (runtime: string, finding: Of) => void): Promise<void> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  for (const [runtime, [command = '', ...args]] of Object.entries(RUNTIMES)) {
    const child = spawn(command, [...args, file], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    const findings = output.split('\n').filter((line) => line.startsWith('{"'));
    if (code !== 0 || findings.length === 0) faults.push(`${program} on ${runtime} ended with ${code}.`);
    for (const finding of findings) take(runtime, JSON.parse(finding));
  }
}

function print(...rows: readonly (readonly string[])[]) {
  const [head, ...body] = rows.map((row) => `| ${row.join(' | ')} |`);
  console.log([head, `|${' --- |'.repeat(rows[0]!.length)}`, ...body, ''].join('\n'));
}

if (process.argv[2] !== 'stores') {
  const rows: string[][] = [];
  let first: unknown;
  await onEach<Finding>('contract.ts', (runtime, { framework, rules, failed, exchange }) => {
    first ??= exchange;
    const same = isDeepStrictEqual(exchange, first);
    rows.push([runtime, framework, `${rules - failed.length} of ${rules}`, same ? 'yes' : 'no']);
    faults.push(...failed.map(({ rule, why }) => `${runtime}, ${framework}: ${rule}: ${why}`));
    if (!same) faults.push(`${runtime}, ${framework}: ${differences(exchange, first)}`);
  });
  print(['runtime', 'framework', 'rules passed', 'same answers'], ...rows);
}

const rows: string[][] = [];
await onEach<StoreFinding>('stores.ts', (runtime, { store, rules, failed }) => {
  rows.push([runtime, store, `${rules - failed.length} of ${rules}`]);
  faults.push(...failed.map(({ rule, why }) => `${runtime}, ${store}: ${rule}: ${why}`));
});
print(['runtime', 'store', 'rules passed'], ...rows);

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
