// `npm run runtimes`: the HTTP contract on Node.js, Bun and Deno, over each framework and the runtime's own server, and whether
// one conversation is answered byte for byte as by Express 5 on Node.js. Prints a table; what differs comes after it, on stderr.
// npx brings Bun and Deno; npm test needs neither.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Finding } from './contract.ts';

const BUN = 'bun@1.4.5';
const DENO = 'deno@2.9.6';
const PROGRAM = fileURLToPath(new URL('contract.ts', import.meta.url));

const RUNTIMES: Record<string, readonly string[]> = {
  [`Node.js ${process.versions.node}`]: [process.execPath, PROGRAM],
  [BUN.replace('bun@', 'Bun ')]: ['npx', '--yes', BUN, PROGRAM],
  [DENO.replace('deno@', 'Deno ')]: ['npx', '--yes', DENO, 'run', '--allow-all', '--no-lock', PROGRAM],
};

const rows: string[] = [];
const faults: string[] = [];
let first: unknown;

for (const [runtime, [command = '', ...args]] of Object.entries(RUNTIMES)) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const lines = output.split('\n').filter((line) => line.startsWith('{"framework"'));
  const findings = lines.map((line): Finding => JSON.parse(line));
  if (code !== 0 || findings.length === 0) faults.push(`${runtime} ended with ${code}.`);
  for (const { framework, rules, failed, exchange } of findings) {
    first ??= exchange;
    const same = isDeepStrictEqual(exchange, first);
    rows.push(`| ${runtime} | ${framework} | ${rules - failed.length} of ${rules} | ${same ? 'yes' : 'no'} |`);
    faults.push(...failed.map(({ rule, why }) => `${runtime}, ${framework}: ${rule}: ${why}`));
    if (!same) faults.push(`${runtime}, ${framework}: ${differences(exchange, first)}`);
  }
}

console.log(['| runtime | framework | rules passed | same answers |', '| --- | --- | --- | --- |', ...rows].join('\n'));
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
