/** `examples/monitoring` as people start it: its story is played, every alert of it rings, and every question is answered. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { questions } from '../../examples/monitoring/dashboard.ts';
import { atThisSpeed } from '../support/slowness.ts';

const START = fileURLToPath(new URL('../../examples/monitoring/start.ts', import.meta.url));

async function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const command = ['--conditions=latchkey-source', START, ...args];
  const child = spawn(process.execPath, command, { env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  return { code, output };
}

it('plays its story to the end, with every alert going from pending to firing', {
  timeout: atThisSpeed(400_000),
}, async () => {
  const { code, output } = await start(['--once']);
  expect(output).not.toContain('did not ring');
  for (const name of ['LatchkeyFailureSpike', 'LatchkeyErrors', 'LatchkeyAbandoned']) {
    const [pending, firing] = [`${name} is pending`, `${name} is firing: `].map((words) => output.indexOf(words));
    expect(pending, output).toBeGreaterThan(0);
    expect(firing, output).toBeGreaterThan(pending!);
  }
  const panels = questions({ job: '', instance: '', window: '', range: '' }).map(({ panel }) => panel);
  for (const panel of panels) {
    const line = output.split('\n').find((one) => one.startsWith(`  ${panel.padEnd(40)}`));
    expect(line, panel).toBeDefined();
    expect(line).not.toMatch(/ {2}nothing$|NaN/);
  }
  expect(code).toBe(0);
});

it('says what it can be told', async () => {
  const { code, output } = await start(['--help']);
  expect(output).toContain('--once');
  expect(code).toBe(0);
});

it('does not guess what it was told', async () => {
  expect(await start(['--for-ever'])).toEqual({ code: 2, output: 'There is no --for-ever. See --help.\n' });
});

it('says what to install where there is no Prometheus, before it starts anything', async () => {
  const { code, output } = await start(['--once'], { PROMETHEUS: '/nowhere/prometheus' });
  expect(output).toBe(
    'prometheus is missing: install Prometheus (Debian: `apt-get install prometheus`; macOS: `brew install prometheus`), or set PROMETHEUS.\n',
  );
  expect(code).toBe(1);
});
