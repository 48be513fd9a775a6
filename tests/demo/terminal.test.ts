/** What somebody at a terminal reads of the demo: its help, and a line for each attempt. */
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DEFAULTS } from '../../examples/demo/src/settings.ts';
import { terminalLog } from '../../examples/demo/src/terminal.ts';

const HELP = readFileSync(new URL('../../examples/demo/help.txt', import.meta.url), 'utf8');

test.each(Object.entries(DEFAULTS))('the help has %s with its default', (name, value) => {
  const [entry, below] = new RegExp(`^  ${name} +\\S.*\\n((?: {18}.*\\n)*)`, 'm').exec(HELP) ?? [];
  expect(entry).toBeDefined();
  expect(below?.trim()).toBe(value && `default: ${value}`);
});

test('an attempt is one short line, and a fault of the server is said with where it was', () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
  onTestFinished(() => write.mockRestore());
  const event = { time: '2026-11-28T22:04:13.000Z' };
  terminalLog.warn({ event, outcome: 'failure', message: 'Sign-in refused: signature_invalid.' }, 'unused');
  terminalLog.error({ attemptId: null, error: { stack: 'Error: full\n    at here' } }, 'latchkey: a request failed');
  expect(lines).toEqual([
    expect.stringMatching(/^\d\d:\d\d:13 {2}refused {4}Sign-in refused: signature_invalid\.\n$/),
    'latchkey: a request failed\nError: full\n    at here\n',
  ]);
});
