// The packages as npm would get them: packs every one that is published, and says what is wrong with what is inside.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData, type Package } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { pnpm, ROOT } from '../workspace.mjs';

/** What a package.json says that matters here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly type?: string;
  readonly license?: string;
  readonly author?: string;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly sideEffects?: boolean | readonly string[];
  readonly engines?: { readonly node?: string };
  readonly exports?: Record<string, unknown>;
  readonly bin?: Record<string, string>;
  readonly scripts?: Record<string, string>;
  readonly repository?: { readonly type?: string; readonly url?: string; readonly directory?: string };
  readonly homepage?: string;
  readonly bugs?: unknown;
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean };
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

export interface Tarball {
  readonly file: string;
  readonly bytes: Buffer;
  readonly manifest: Manifest;
  readonly inside: Package;
}

/** How large a tarball may be, in bytes. What grows past its line has a reason, and the reason is in the same commit. */
const LIMITS: Record<string, number> = {
  '@latchkey/audit': 36_000,
  // Sentences in five languages are a third of it.
  '@latchkey/browser': 32_000,
  // Pages with their charts and style, as they are written.
  '@latchkey/console': 28_500,
  // The elements, minified, are a tenth of it.
  '@latchkey/core': 170_000,
  // Twice readable and twice minified, and words in five languages.
  '@latchkey/elements': 60_000,
  '@latchkey/express': 8_000,
  '@latchkey/fastify': 8_000,
  '@latchkey/fetch': 8_000,
  '@latchkey/koa': 8_000,
  '@latchkey/next': 8_000,
  '@latchkey/react': 12_000,
  '@latchkey/redis': 19_500,
  '@latchkey/sql': 22_500,
  '@latchkey/testing': 66_000,
  latchkey: 74_000,
};

/** All that a tarball may contain: what runs, its types, and what people read. */
const CONTENTS =
  /^(package\.json|README\.md|LICENSE|dist\/.+\.(js|d\.ts)|pages\/[\w-]+\.(html|css|js|svg)|schema\/.+\.schema\.json)$/;

/** Packs every published package into a folder. */
export async function pack(folder: string): Promise<Tarball[]> {
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty.`);
  const code = await pnpm(['--recursive', '--filter', './packages/*', 'pack', '--pack-destination', folder], {
    quiet: true,
  });
  if (code !== 0) throw new Error('`pnpm pack` failed.');
  const files = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  return files.sort().map((file) => readTarball(join(folder, file)));
}

export function readTarball(file: string): Tarball {
  const bytes = readFileSync(file);
  const inside = createPackageFromTarballData(bytes);
  const manifest = JSON.parse(inside.readFile(`/node_modules/${inside.packageName}/package.json`));
  return { file, bytes, manifest, inside };
}

/** A sentence for each thing that is wrong with a tarball. */
export async function tarballFaults(tarball: Tarball): Promise<string[]> {
  const faults = [
    ...manifestFaults(tarball.manifest),
    ...contentFaults(tarball),
    ...(await publintFaults(tarball)),
    ...(await typesFaults(tarball)),
  ];
  return faults.map((fault) => `${tarball.manifest.name}: ${fault}`);
}

/** What must hold for all packages together: one version, and one repository or, as long as there is none, none. */
export function commonFaults(manifests: readonly Manifest[]) {
  const versions = new Set(manifests.map(({ version }) => version));
  const repositories = new Set(manifests.map(({ repository }) => repository?.url ?? 'none'));
  return [
    ...(versions.size > 1 ? [`The packages have ${versions.size} versions: ${[...versions].join(', ')}.`] : []),
    ...(repositories.size > 1 ? [`The packages name ${repositories.size} repositories.`] : []),
  ];
}

function manifestFaults(manifest: Manifest): string[] {
  const { name, dependencies = {}, peerDependencies = {}, scripts = {}, repository } = manifest;
  const faults: string[] = [];
  const must = (holds: boolean, otherwise: string) => holds || faults.push(otherwise);
  must(manifest.type === 'module', '"type" is not "module".');
  // Importing the elements names them: a bundler must not leave that out.
  const names = ['@latchkey/elements', '@latchkey/react'].includes(manifest.name);
  must(!manifest.exports || names || manifest.sideEffects === false, '"sideEffects" is not false.');
  must(manifest.license === 'MIT', '"license" is not "MIT".');
  must(manifest.engines?.node === '>=22.16', '"engines.node" is not ">=22.16".');
  must(manifest.publishConfig?.access === 'public', '"publishConfig.access" is not "public".');
  must(manifest.publishConfig?.provenance === true, '"publishConfig.provenance" is not true.');
  must(Boolean(manifest.description && manifest.author), '"description" or "author" is missing.');
  must((manifest.keywords ?? []).includes('passkeys'), '"keywords" does not have "passkeys".');
  must(!JSON.stringify(manifest.exports ?? {}).includes('latchkey-source'), '"exports" leads to sources.');
  const folder = `packages/${name.replace('@latchkey/', '').replace(/^latchkey$/, 'cli')}`;
  must(!repository || repository.directory === folder, `"repository.directory" is not "${folder}".`);
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare'])
    must(!(script in scripts), `"scripts.${script}" would run where it is installed.`);
  for (const [to, range] of Object.entries({ ...dependencies, ...peerDependencies })) {
    must(!/^(workspace|catalog|file|link):/.test(range), `the range of ${to} is still ${range}.`);
    if (to.startsWith('@latchkey/'))
      must(range === `^${manifest.version}`, `the range of ${to} is ${range}, not ^${manifest.version}.`);
  }
  return faults;
}

function contentFaults({ manifest: { name }, bytes, inside }: Tarball): string[] {
  const root = `/node_modules/${name}/`;
  const files = inside.listFiles().map((path) => path.slice(root.length));
  const limit = LIMITS[name];
  return [
    ...['README.md', 'LICENSE'].filter((file) => !files.includes(file)).map((file) => `${file} is missing.`),
    ...files.filter((file) => !CONTENTS.test(file)).map((file) => `${file} does not belong in it.`),
    ...files
      .filter((file) => inside.readFile(root + file).includes(ROOT))
      .map((file) => `${file} names the folder that it was built in.`),
    ...(limit === undefined ? ['has no limit in scripts/release/tarballs.ts: say how large it may be.'] : []),
    ...(limit !== undefined && bytes.length > limit ? [`has ${bytes.length} bytes, and the limit is ${limit}.`] : []),
  ];
}

/** publint's opinion of how it is packaged; suggestions count. */
async function publintFaults({ bytes, manifest }: Tarball) {
  const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages } = await publint({ pack: { tarball: tarball as ArrayBuffer }, strict: true });
  return messages.map((message) => `publint: ${formatMessage(message, manifest, { color: false })}`);
}

/**
 * Whether TypeScript finds the types that fit the JavaScript, from ESM, from CommonJS and in bundlers. Not asked of
 * TypeScript's `node10` resolution, which does not know `exports`. That `require` gets a module is as intended: Node.js
 * has been able to do that since 22.12.
 */
async function typesFaults({ manifest, inside }: Tarball) {
  if (!manifest.exports) return [];
  const result = await checkPackage(inside);
  if (!result.types) return ['has no types.'];
  return result.problems
    .filter((problem) => problem.kind !== 'CJSResolvesToESM')
    .filter((problem) => !('resolutionKind' in problem && problem.resolutionKind === 'node10'))
    .map((problem) => `are the types wrong? ${JSON.stringify({ ...problem, trace: undefined })}`);
}
