/**
 * Writes the two files that people take: `latchkey.rules.yml` for Prometheus and `latchkey.dashboard.json` for Grafana.
 * A test says when they are not what this would write.
 */
import { writeFileSync } from 'node:fs';
import { dashboard } from './dashboard.ts';
import { ruleGroups, rulesFile } from './rules.ts';

writeFileSync(new URL('latchkey.rules.yml', import.meta.url), rulesFile(ruleGroups()));
writeFileSync(new URL('latchkey.dashboard.json', import.meta.url), `${JSON.stringify(dashboard(), null, 2)}\n`);
