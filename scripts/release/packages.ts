// `npm run check:packages`: packs what is published and looks at it as npm and a stranger do. `npm test` runs the quick half.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { interrupted } from '../programs.mjs';
import { TEMPORARY, timeSince } from '../workspace.mjs';
import { reportFaults } from './api-reports.ts';
import { BUNDLE_LIMIT, bundleSize } from './bundle.ts';
import { checkConsumer } from './consumer.ts';
import { commonFaults, type Manifest, pack, readTarball, type Tarball, tarballFaults } from './tarballs.ts';

const NODES = ['22.16.0', '22', '24', '26'];

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    node: { type: 'string', multiple: true },
    out: { type: 'string' },
    release: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
let failed = 0;

if (options.help) process.stdout.write(readFileSync(new URL('./help.txt', import.meta.url), 'utf8'));
else {
  await (files.length > 0 ? lookInto(files.map(readTarball)) : everything()).catch((error) => fail(error.message));
  process.exitCode = interrupted() ?? (failed > 0 ? 1 : 0);
}

async function everything() {
  const folder = mkdtempSync(join(TEMPORARY, 'latchkey-packages-'));
  try {
    const tarballs = await pack(options.out === undefined ? join(folder, 'tarballs') : resolve(options.out));
    await check('public surface', async () => stopAt(reportFaults()));
    await check('bundle of core and fetch', async () => {
      const size = await bundleSize();
      if (size > BUNDLE_LIMIT) throw new Error(`${size} bytes, and the limit is ${BUNDLE_LIMIT}.`);
    });
    await lookInto(tarballs);
    const nodes = options.quick ? [] : (options.node ?? NODES);
    await checkConsumer(tarballs, { folder, check, full: !options.quick, nodes });
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function lookInto(tarballs: readonly Tarball[]) {
  const manifests = tarballs.map(({ manifest }) => manifest);
  for (const tarball of tarballs) {
    const what = `${basename(tarball.file)}, ${tarball.bytes.length} bytes`;
    await check(what, async () => stopAt(await tarballFaults(tarball)));
  }
  await check('all together', async () => stopAt(commonFaults(manifests)));
  if (options.release) await check('ready for release', async () => stopAt(releaseFaults(manifests)));
}

/** npm proves where a package was built by comparing `repository`, and refuses provenance without it. */
function releaseFaults(manifests: readonly Manifest[]) {
  return manifests.flatMap(({ name, version, repository }) => [
    ...(repository?.url ? [] : [`${name}: "repository" is missing; CONTRIBUTING.md says how to set it.`]),
    ...(version === '0.0.0' ? [`${name}: the version is 0.0.0.`] : []),
  ]);
}

function stopAt(faults: readonly string[]) {
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/** Something that counts as one, and says how it ended. */
async function check(what: string, action: () => Promise<void>) {
  const start = performance.now();
  try {
    await action();
    console.log(`packages: ${what}: ok, ${timeSince(start)}`);
    return true;
  } catch (error) {
    if (interrupted() !== undefined) throw new Error('Interrupted.');
    fail(`${what}: ${error instanceof Error ? error.message : error}`);
    return false;
  }
}

function fail(sentence: string) {
  failed += 1;
  console.error(`packages: FAILED: ${sentence}`);
}
