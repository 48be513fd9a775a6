import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { measureSlowness } from './scripts/test/slowness.ts';

const slowness = measureSlowness();

/** What changes its process for good, or must be the first in one: OpenTelemetry's providers, what is said once. */
const NEEDS_A_PROCESS = [
  'tests/telemetry/**/*.test.ts',
  'tests/audit/loss-metric.test.ts',
  'tests/records/identity-key-warning.test.ts',
  'tests/security/threats.test.ts',
];

// The hundreds of processes that the tests start take over from each other what they compiled.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/compiled');

// Every test of the repository runs from here, against the sources: `latchkey-source` is the export condition that
// points at them, so no build is needed first.
export default defineConfig({
  resolve: { conditions: ['latchkey-source'] },
  ssr: { resolve: { conditions: ['latchkey-source'] } },
  test: {
    projects: [
      // The other files of a worker share its modules: to load them anew for each cost half of the CPU of a whole run.
      {
        extends: true,
        test: {
          name: 'shared',
          include: ['packages/*/test/**/*.test.ts', 'tests/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...NEEDS_A_PROCESS],
          isolate: false,
        },
      },
      { extends: true, test: { name: 'apart', include: NEEDS_A_PROCESS } },
    ],
    globalSetup: ['scripts/test/browser-client.ts', 'scripts/test/command-line.ts'],
    setupFiles: ['tests/support/warnings.ts'],
    env: { LATCHKEY_SLOWNESS: `${slowness}` },
    // For what hangs. What has to be quick is measured where it is tested.
    testTimeout: 180_000 * slowness,
    hookTimeout: 180_000 * slowness,
    expect: { poll: { timeout: 10_000 * slowness } },
    // What talks to servers and browsers waits more than it computes: two files at a time left two cores idle for half of
    // the time.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    // What a test that passes writes to the console is noise.
    silent: 'passed-only',
    slowTestThreshold: 5_000,
  },
});
