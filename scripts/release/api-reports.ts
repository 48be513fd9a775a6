// `npm run api`: writes the public surface of every package, as its declarations have it, to api/ – one file each, so that
// a change to what people build on is seen in review and not by them. It fails, and so does `npm test`, where a file is not up
// to date, where a name that a signature needs is not exported, where something has no comment, or where a default is prose.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Extractor, ExtractorConfig, type IConfigFile } from '@microsoft/api-extractor';
import { ROOT } from '../workspace.mjs';

/** What a package exports: as text, as API Extractor's model of it, and what is wrong with it, a sentence each. */
export interface Surface {
  readonly report: string;
  readonly model: ApiItem;
  readonly faults: readonly string[];
}

/** As much of API Extractor's `.api.json` as is read here. */
export interface ApiItem {
  readonly kind: string;
  readonly name?: string;
  readonly docComment?: string;
  readonly isOptional?: boolean;
  readonly excerptTokens?: readonly { readonly text: string }[];
  readonly members?: readonly ApiItem[];
}

/** A sentence for each package whose surface is not what its report says, or not fit to be published. The packages must be built. */
export function reportFaults(root = ROOT) {
  const surfaces = readSurfaces(root);
  const written = existsSync(join(root, 'api')) ? readdirSync(join(root, 'api')) : [];
  return [
    ...[...surfaces].flatMap(([file, { report, faults }]) => [
      ...faults,
      ...(written.includes(file) && readFileSync(join(root, 'api', file), 'utf8') === report
        ? []
        : [`api/${file} is not what the package exports now: run \`npm run api\` and look at the difference.`]),
    ]),
    ...written.filter((file) => !surfaces.has(file)).map((file) => `api/${file} is of no package.`),
  ];
}

/** The surface of every built package with an entry, by the name of its report. */
function readSurfaces(root: string): Map<string, Surface> {
  const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
  return new Map(
    packages
      .filter((home) => existsSync(join(home, 'dist/index.d.ts')))
      .map((home) => [`${basename(home)}.api.md`, readSurface(home, join(home, 'dist'))]),
  );
}

/** @param declarations the folder with the package's index.d.ts */
export function readSurface(home: string, declarations: string): Surface {
  const name = basename(home);
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-api-'));
  const faults: string[] = [];
  const broken: string[] = [];
  try {
    Extractor.invoke(ExtractorConfig.prepare(configuration(home, declarations, folder)), {
      localBuild: true,
      messageCallback(message) {
        message.handled = true;
        const { messageId, sourceFilePath = '', sourceFileLine = 0 } = message;
        const place = `packages/${name}: ${relative(declarations, sourceFilePath)}:${sourceFileLine}`;
        if (FAULTS.has(messageId)) faults.push(`${place}: ${message.text}`);
        else if (message.logLevel === 'error') broken.push(message.text);
      },
    });
    if (broken.length > 0) throw new Error(`API Extractor cannot read packages/${name}: ${broken.join('; ')}`);
    const read = (file: string) => readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n');
    const model: ApiItem = JSON.parse(read(`${name}.api.json`));
    return { report: read(`${name}.api.md`), model, faults: [...faults, ...proseDefaults(name, model)] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What nobody who builds on a package should meet. */
const FAULTS = new Set(['ae-forgotten-export', 'ae-undocumented']);

/** A default that tools read must be a value: prose belongs in the sentence before. */
function proseDefaults(name: string, item: ApiItem, path = ''): string[] {
  const own = [path, item.name ?? ''].filter((part) => part !== '').join('.');
  const defaults = [...(item.docComment ?? '').matchAll(/@default(?:Value)?[ \t]+([^\n]*)/g)];
  return [
    ...defaults
      .filter(([, value = '']) => !/^`[^`]+`\s*(?:\*\/)?$/.test(value.trim()))
      .map(([, value]) => `packages/${name}: ${own}: the default must be a value in backticks, not "${value}".`),
    ...(item.members ?? []).flatMap((member) => proseDefaults(name, member, own)),
  ];
}

function configuration(home: string, declarations: string, folder: string) {
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2024', 'dom', 'dom.iterable'],
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
    typeRoots: [join(ROOT, 'node_modules/@types')],
    types: ['node'],
  };
  return {
    packageJsonFullPath: join(home, 'package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: home,
      mainEntryPointFilePath: join(declarations, 'index.d.ts'),
      compiler: { overrideTsconfig: { compilerOptions, include: [declarations] } },
      apiReport: { enabled: true, reportFileName: basename(home), reportFolder: folder, reportTempFolder: folder },
      docModel: { enabled: true, apiJsonFilePath: join(folder, `${basename(home)}.api.json`) },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        extractorMessageReporting: {
          'ae-forgotten-export': { logLevel: 'warning', addToApiReportFile: false },
          'ae-undocumented': { logLevel: 'warning', addToApiReportFile: false },
        },
      },
    } as IConfigFile,
  };
}

/** Writes the reports; answers what is wrong with the surfaces themselves. */
function writeReports(root = ROOT): string[] {
  const surfaces = readSurfaces(root);
  rmSync(join(root, 'api'), { recursive: true, force: true });
  mkdirSync(join(root, 'api'), { recursive: true });
  for (const [file, { report }] of surfaces) writeFileSync(join(root, 'api', file), report);
  return [...surfaces.values()].flatMap(({ faults }) => faults);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { root: { type: 'string' }, check: { type: 'boolean', default: false } } });
  const faults = values.check ? reportFaults(values.root) : writeReports(values.root);
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
