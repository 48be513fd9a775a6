// `npm run demo`: the demo application on http://localhost:3000.
import { runExample } from './example.mjs';

process.exitCode = await runExample('demo', { package: 'latchkey-demo', file: 'examples/demo/src/server.ts' });
