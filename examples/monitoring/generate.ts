/**
 * Writes the two files that people take: `latchkey.rules.yml` for Prometheus and `latchkey.dashboard.json` for Grafana.
 * `--runbooks <address>`: of the page whose sections say what each alert means. A test says when the files are not what this writes.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { dashboard } from './dashboard.ts';
import { ruleGroups, rulesFile } from './rules.ts';

const { values } = parseArgs({ options: { runbooks: { type: 'string' } } });
writeFileSync(new URL('latchkey.rules.yml', import.meta.url), rulesFile(ruleGroups(undefined, values.runbooks)));
writeFileSync(new URL('latchkey.dashboard.json', import.meta.url), `${JSON.stringify(dashboard(), null, 2)}\n`);
