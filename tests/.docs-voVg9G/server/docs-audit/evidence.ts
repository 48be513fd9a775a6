export {};
// evidence.ts
import { writeFileSync } from 'node:fs';
import { evidenceFor, linesOf } from '@latchkey/audit';

const { evidence, report, uncovered } = await evidenceFor({
  lines: linesOf('/var/log/app/sign-ins.log'),
  checkpoints: linesOf('/mnt/elsewhere/checkpoints.log'),
  keys: { k1: process.env.AUDIT_KEY_1! },
  checkpointKeys: { c1: process.env.CHECKPOINT_PUBLIC_KEY! },
  filter: { userId: '4711' }, // or attemptId, fromAt, untilAt (milliseconds)
  signingKey: { id: 'e1', privateKey: process.env.EVIDENCE_KEY! },
});
if (!evidence) throw new Error(report.fault?.message ?? 'No signed checkpoint covers this log.');
writeFileSync('evidence.json', JSON.stringify(evidence));
console.log(`${evidence.lines.length} lines; not covered yet: ${uncovered.join(', ') || 'none'}`);