/** The set-up that docs/audit.md shows, run as it stands there: started, stopped and started again, verified, and given as evidence. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { documentation } from '../docs/pages.ts';
import { linesIn } from './log-folder.ts';

/** A key pair as PEM. */
function newKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    privateKey: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
  };
}

const [checkpointKey, evidenceKey] = [newKey(), newKey()];
const env = {
  ...process.env,
  AUDIT_KEY_1: 'a key for the chain of a test, no secret',
  CHECKPOINT_KEY: checkpointKey.privateKey,
  CHECKPOINT_PUBLIC_KEY: checkpointKey.publicKey,
  EVIDENCE_KEY: evidenceKey.privateKey,
  EVIDENCE_PUBLIC_KEY: evidenceKey.publicKey,
};

/** The page's program with this name, or the one that calls this function. */
function blockOf(what: string): string {
  const { blocks } = documentation.find(({ path }) => path === 'docs/audit.md')!;
  return blocks.find(({ file, code }) => file === what || (file === null && code.includes(what)))!.code;
}

test('a clean restart raises no alarm, the log verifies, and its evidence holds', async () => {
  // Below this folder, so that the programs find the packages.
  const home = mkdtempSync(join(import.meta.dirname, '.example-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  const put = (file: string, code: string) =>
    writeFileSync(
      join(home, file),
      code
        .replaceAll('/var/log/app', home)
        .replaceAll('/mnt/elsewhere', home)
        .replaceAll("'evidence.json'", `'${home}/evidence.json'`),
    );
  put('chain.ts', blockOf('chain.ts'));
  put('verify.ts', blockOf('verify.ts'));
  put('evidence.ts', blockOf('evidence.ts').replace('4711', 'user 1'));
  put('auditor.ts', blockOf('verifyEvidence('));
  put('erase.ts', blockOf('eraseUser(').replace('4711', 'user 2'));
  put(
    'use.ts',
    `import { log } from './chain.ts';
     import { records } from '../records.ts';
     for (const record of records(5)) await log.write(record);
     await log.close();`,
  );
  const run = async (file: string) => {
    const args = ['--conditions=latchkey-source', join(home, file)];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
    expect([file, stderr]).toEqual([file, '']);
    return stdout;
  };
  for (let start = 0; start < 3; start += 1) await run('use.ts');
  expect(readdirSync(home).filter((file) => file.endsWith('.log') || file.includes('.open-'))).toEqual([
    'checkpoints.log',
    'sign-ins.log',
  ]);
  expect(linesIn(join(home, 'checkpoints.log'))).toHaveLength(3);
  expect(await run('verify.ts')).toMatch(/intact: true,\s+records: 15,[\s\S]*checkpointed: 14/);
  expect(await run('evidence.ts')).toBe('3 lines; not covered yet: none\n');
  expect(await run('auditor.ts')).toMatch(/^true null/);
  expect(await run('erase.ts')).toBe('{ erased: 3, left: 0, openIn: [] }\n');
  expect(await run('verify.ts')).toMatch(/intact: true,[\s\S]*erased: \{ count: 3/);
  expect(await run('auditor.ts')).toMatch(/^true null/);
});
