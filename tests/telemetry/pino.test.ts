/**
 * An application whose logger is pino, instrumented. The instrumentation sends each line to OpenTelemetry: beside our log
 * event a second one, with all that is in the line. docs/opentelemetry.md says how not to; here it is shown.
 */
import { expect, test } from 'vitest';
import { runSite } from './applications.ts';
import { openReceiver } from './receiver.ts';
import { LINES } from './sdk.ts';

/** What went to OpenTelemetry and to standard output of a registration and two attempts, and of `something else`. */
async function logged(line: (typeof LINES)[number], pino: 'sends' | 'does not send' | 'is passed by') {
  const receiver = await openReceiver();
  const seen = await runSite(line, { start: 'first', signIns: ['good'], pino }, receiver.url);
  const scopes = Map.groupBy(receiver.logs, ({ scope }) => scope);
  return {
    seen,
    ours: scopes.get('@latchkey/core') ?? [],
    theirs: scopes.get('@opentelemetry/instrumentation-pino') ?? [],
    lines: seen.output
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text)),
    bytes: Buffer.concat(receiver.bodies).toString('latin1'),
  };
}

test.for(LINES)(
  '%s: as it comes, each attempt is twice in OpenTelemetry, the second time with the user',
  async (line) => {
    const { seen, ours, theirs, bytes } = await logged(line, 'sends');
    expect(ours).toHaveLength(seen.records.length);
    expect(theirs.map(({ body }) => body)).toEqual(['something else', ...seen.records.map(({ message }) => message)]);
    expect(bytes).toContain(seen.records[0]!.user.id!);
  },
);

test.for(LINES)('%s: with disableLogSending each attempt is there once, and its line has the trace', async (line) => {
  const { seen, ours, theirs, lines, bytes } = await logged(line, 'does not send');
  expect(ours).toHaveLength(seen.records.length);
  expect(theirs).toEqual([]);
  expect(lines.map(({ msg }) => msg)).toEqual(['something else', ...seen.records.map(({ message }) => message)]);
  expect(lines.map(({ trace_id }) => trace_id)).toEqual([
    undefined,
    ...seen.records.map(({ trace }) => trace.traceId ?? undefined),
  ]);
  expect(bytes).not.toContain(seen.records[0]!.user.id!);
});

test.for(LINES)(
  '%s: with standardOutput as the logger each attempt is there once, and so is everything else',
  async (line) => {
    const { seen, ours, theirs, lines, bytes } = await logged(line, 'is passed by');
    expect(ours).toHaveLength(seen.records.length);
    expect(theirs.map(({ body }) => body)).toEqual(['something else']);
    expect(lines.slice(1)).toEqual(seen.records);
    expect(bytes).not.toContain(seen.records[0]!.user.id!);
  },
);
