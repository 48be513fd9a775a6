export {};
// verify.ts
import { linesOf, verifyChain } from '@latchkey/audit';

const report = await verifyChain(linesOf('/var/log/app/sign-ins.log'), {
  keys: { k1: process.env.AUDIT_KEY_1! },
  checkpoints: linesOf('/mnt/elsewhere/checkpoints.log'),
  checkpointKeys: { c1: process.env.CHECKPOINT_PUBLIC_KEY! },
});
console.log(report);
process.exitCode = report.intact ? 0 : 1;