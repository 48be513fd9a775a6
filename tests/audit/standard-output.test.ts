/** What of an attempt is on standard output: one line, whoever writes it. */
import { chained, mapped, queued, stdoutSink, toEcs } from '@latchkey/audit';
import { memoryStore, type Sink, standardOutput } from '@latchkey/core';
import { openSite } from '@latchkey/testing';
import { expect, test, vi } from 'vitest';
import { mounts } from '../http/mounts.ts';

/** The lines of one refused attempt. */
async function linesOf(options: {
  sinks?: Sink[];
  logger?: typeof standardOutput;
}): Promise<Record<string, unknown>[]> {
  const { sinks = [], logger } = options;
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((...args: unknown[]) => {
    (args.at(-1) as () => void)?.call?.(null);
    return true;
  });
  try {
    const site = await openSite(
      { mount: mounts['Express 5'], store: memoryStore },
      { audit: { sinks }, logger: logger! },
    );
    await site.agent().post('/authentication/options', { mode: 'telepathy' });
    await site.close();
    return write.mock.calls.map(([text]) => JSON.parse(String(text)));
  } finally {
    write.mockRestore();
  }
}

const keys = { current: 'k1', byId: { k1: 'a key for the chain of a test, no secret' } };

test('without a logger and without a sink it is the record as JSON', async () => {
  const lines = await linesOf({});
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ reason: 'malformed_request', message: 'Sign-in was refused: malformed request' });
});

test('a sink on standard output takes the place of that line, in whatever words and however it is wrapped', async () => {
  const plain = await linesOf({ sinks: [stdoutSink()] });
  expect(plain.map(({ schema }) => schema)).toEqual(['latchkey.signin.attempt/1']);
  const ecs = await linesOf({ sinks: [queued(mapped(chained(stdoutSink(), { keys }), toEcs))] });
  expect(ecs.map(({ ecs: words, integrity }) => [words !== undefined, integrity !== undefined])).toEqual([
    [true, true],
  ]);
});

test('a logger that was named has its line all the same', async () => {
  expect(await linesOf({ sinks: [stdoutSink()], logger: standardOutput })).toHaveLength(2);
});
