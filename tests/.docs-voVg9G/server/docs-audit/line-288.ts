export {};
import { readFileSync } from 'node:fs';
import { verifyEvidence } from '@latchkey/audit';

const report = verifyEvidence(readFileSync('evidence.json', 'utf8'), {
  checkpointKeys: { c1: process.env.CHECKPOINT_PUBLIC_KEY! },
  statementKeys: { e1: process.env.EVIDENCE_PUBLIC_KEY! },
});
console.log(report.holds, report.fault, report.statement);