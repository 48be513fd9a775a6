// `npm run api`: writes the public surface of every package, as its declarations have it, to api/ – one file each, so that
// a change to what people build on is seen in review and not by them. `npm test` fails when a file is not up to date.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Extractor, ExtractorConfig, type IConfigFile } from '@microsoft/api-extractor';
import { ROOT } from '../workspace.mjs';

/** A sentence for each package whose surface is not what its report says. The packages must be built. */
export function reportFaults(root = ROOT) {
  const reports = readReports(root);
  const written = existsSync(join(root, 'api')) ? readdirSync(join(root, 'api')) : [];
  return [
    ...[...reports]
      .filter(([file, text]) => !written.includes(file) || readFileSync(join(root, 'api', file), 'utf8') !== text)
      .map(
        ([file]) => `api/${file} is not what the package exports now: run \`npm run api\` and look at the difference.`,
      ),
    ...written.filter((file) => !reports.has(file)).map((file) => `api/${file} is of no package.`),
  ];
}

/** The report of every built package with an entry, by file name. */
function readReports(root: string): Map<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-api-'));
  try {
    const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
    return new Map(
      packages
        .filter((home) => existsSync(join(home, 'dist/index.d.ts')))
        .map((home) => [`${basename(home)}.api.md`, report(home, folder)]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param folder for what it writes */
function report(home: string, folder: string) {
  const name = basename(home);
  const complaints: string[] = [];
  Extractor.invoke(ExtractorConfig.prepare(configuration(home, folder)), {
    localBuild: true,
    messageCallback(message) {
      message.handled = true;
      if (message.logLevel === 'error') complaints.push(message.text);
    },
  });
  if (complaints.length > 0) throw new Error(`API Extractor cannot read packages/${name}: ${complaints.join('; ')}`);
  return readFileSync(join(folder, `${name}.api.md`), 'utf8').replaceAll('\r\n', '\n');
}

function configuration(home: string, folder: string) {
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
      mainEntryPointFilePath: join(home, 'dist/index.d.ts'),
      compiler: { overrideTsconfig: { compilerOptions, include: ['dist'] } },
      apiReport: { enabled: true, reportFileName: basename(home), reportFolder: folder, reportTempFolder: folder },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        // What is part of a signature and has no name outside is worth seeing in the report.
        extractorMessageReporting: { 'ae-forgotten-export': { logLevel: 'warning', addToApiReportFile: true } },
      },
    } as IConfigFile,
  };
}

function writeReports(root = ROOT) {
  rmSync(join(root, 'api'), { recursive: true, force: true });
  mkdirSync(join(root, 'api'), { recursive: true });
  for (const [file, text] of readReports(root)) writeFileSync(join(root, 'api', file), text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { root: { type: 'string' }, check: { type: 'boolean', default: false } } });
  if (!values.check) writeReports(values.root);
  const faults = values.check ? reportFaults(values.root) : [];
  for (const fault of faults) console.error(fault);
  process.exitCode = faults.length > 0 ? 1 : 0;
}
