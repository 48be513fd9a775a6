import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Every test of the repository runs from here, against the sources: `latchkey-source` is the export condition that
// points at them, so no build is needed first.
export default defineConfig({
  resolve: { conditions: ['latchkey-source'] },
  ssr: { resolve: { conditions: ['latchkey-source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'tests/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // What talks to servers and browsers waits more than it computes: two files at a time also on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    slowTestThreshold: 5_000,
  },
});
