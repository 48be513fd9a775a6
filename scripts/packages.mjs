// `npm run check:packages`: packs what is published and looks at it as npm and a stranger do. `npm test` runs the quick half.
import { mkdtempSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { reportFaults } from './api-reports.mjs';
import { checkConsumer } from './consumer.mjs';
import { interrupted } from './programs.mjs';
import { commonFaults, pack, readTarball, tarballFaults } from './tarballs.mjs';
import { TEMPORARY, timeSince } from './workspace.mjs';

/** @typedef {import('./tarballs.mjs').Tarball} Tarball */

const NODES = ['22.15.0', '22', '24', '26'];

const USAGE = `npm run check:packages [-- OPTION… FILE…]

Packs every package, built, and checks the tarballs: their contents, sizes and package.json, publint, are-the-types-wrong,
and the public surface against api/. Then npm installs them into an empty folder, an application is compiled against them,
and signs in with a passkey, as a module and as CommonJS.

  --quick         with the TypeScript and the Node.js of this repository only: what \`npm test\` does
  --node VERSION  on this Node.js, from the npm package \`node\`; may be repeated; ${NODES.join(', ')} unless given
  --out FOLDER    keep the tarballs there
  --release       fail unless they could be published: with a repository, and a version other than 0.0.0
  --help          this
  FILE            look only into these tarballs; nothing is packed or installed
`;

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

if (options.help) process.stdout.write(USAGE);
else {
  await (files.length > 0 ? lookInto(files.map(readTarball)) : everything()).catch((error) => fail(error.message));
  process.exitCode = interrupted() ?? (failed > 0 ? 1 : 0);
}

async function everything() {
  const folder = mkdtempSync(join(TEMPORARY, 'latchkey-packages-'));
  try {
    const tarballs = await pack(options.out === undefined ? join(folder, 'tarballs') : resolve(options.out));
    await check('public surface', async () => stopAt(reportFaults()));
    await lookInto(tarballs);
    const nodes = options.quick ? [] : (options.node ?? NODES);
    await checkConsumer(tarballs, { folder, check, full: !options.quick, nodes });
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** @param {readonly Tarball[]} tarballs */
async function lookInto(tarballs) {
  const manifests = tarballs.map(({ manifest }) => manifest);
  for (const tarball of tarballs) {
    const what = `${basename(tarball.file)}, ${tarball.bytes.length} bytes`;
    await check(what, async () => stopAt(await tarballFaults(tarball)));
  }
  await check('all together', async () => stopAt(commonFaults(manifests)));
  if (options.release) await check('ready for release', async () => stopAt(releaseFaults(manifests)));
}

/**
 * npm proves where a package was built by comparing `repository`, and refuses provenance without it.
 * @param {readonly import('./tarballs.mjs').Manifest[]} manifests
 */
function releaseFaults(manifests) {
  return manifests.flatMap(({ name, version, repository }) => [
    ...(repository?.url ? [] : [`${name}: "repository" is missing; CONTRIBUTING.md says how to set it.`]),
    ...(version === '0.0.0' ? [`${name}: the version is 0.0.0.`] : []),
  ]);
}

/** @param {readonly string[]} faults */
function stopAt(faults) {
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/**
 * Something that counts as one, and says how it ended.
 * @param {string} what
 * @param {() => Promise<void>} action
 */
async function check(what, action) {
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

/** @param {string} sentence */
function fail(sentence) {
  failed += 1;
  console.error(`packages: FAILED: ${sentence}`);
}
