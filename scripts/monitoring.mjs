// `npm run monitoring`: an application that Prometheus watches, and everything that can go wrong with it.
import { runExample } from './example.mjs';
import { findPrometheus } from './services.mjs';

process.exitCode = await runExample('monitoring', {
  package: 'latchkey-example-monitoring',
  file: 'examples/monitoring/start.ts',
  env: async () => (await findPrometheus())?.env ?? {},
});
