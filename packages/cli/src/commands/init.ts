/** `latchkey init`: reads what an application says of itself, writes what the guides say into new files, and says which lines are left to add. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { NO_TABLES } from '../checks/schema.ts';
import {
  type Application,
  DRIVERS,
  type Driver,
  FRAMEWORKS,
  type Framework,
  readApplication,
  SESSIONS,
  type Session,
} from '../init/application.ts';
import { type NewFile, newFiles } from '../init/files.ts';
import { type Step, stepsFor } from '../init/steps.ts';
import { STORES } from '../init/stores.ts';
import { type Context, examples, jsonOption, oneOf, runs } from '../terminal/command.ts';
import { type ExitName, Fault, messageOf } from '../terminal/fault.ts';
import { dim, good, type Output, strong } from '../terminal/output.ts';
import { type Examined, examine, show } from './doctor.ts';

interface Options {
  readonly framework?: Framework;
  readonly driver?: Driver;
  readonly session?: Session | 'none';
  readonly entry?: string;
  readonly name: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function define(command: Command): void {
  command
    .addOption(oneOf('--framework <name>', 'where package.json names several', FRAMEWORKS))
    .addOption(oneOf('--driver <name>', 'of the store, where it is not the one found', DRIVERS))
    .addOption(
      oneOf('--session <name>', "what keeps your own sign-in; none: accounts are new, and passkeys' alone", [
        ...Object.values(SESSIONS).flat(),
        'none',
      ]),
    )
    .option('--entry <file>', 'the file that makes the app, where it is not the one found')
    .option('--name <name>', 'what the names of the new files begin with', 'passkeys')
    .option('--dry-run', 'print the files instead of writing them');
  jsonOption(command, 'one JSON document: { application, files, steps, findings }').action(runs(run));
  command.addHelpText(
    'after',
    `
Run it in the folder of the application. It reads package.json, tsconfig.json, prisma/schema.prisma and the file that makes the
app, and writes two new files beside that. It changes no file, and writes over none.`,
  );
  examples(command, {
    'See what it would write': 'latchkey init --dry-run',
    'In an application that has Redis, and passkeys shall be in PostgreSQL': 'latchkey init --driver pg',
  });
}

async function run(options: Options, context: Context): Promise<ExitName> {
  const { out } = context;
  if (!/^[\w-]+$/.test(options.name)) throw new Fault('usage', '--name has letters, digits, - and _ only.');
  const application = readApplication(process.cwd(), options);
  const files = newFiles(application, options.name);
  const steps = stepsFor(application, options.name);
  if (options.dryRun !== true) write(application.folder, files);
  const examined = await look(application, context);

  out.document({
    application: told(application),
    files: files.map(({ path, text }) => ({ path, text, written: options.dryRun !== true })),
    steps,
    findings: examined.findings,
  });
  out.line(described(application));
  for (const file of files) {
    if (options.dryRun !== true) out.line(good('written'), ` ${file.path}`);
    else for (const line of ['', `// ${file.path}`, ...file.text.trimEnd().split('\n')]) out.line(line);
  }
  steps.forEach((step, index) => {
    print(step, index + 1, out);
  });
  out.line('');
  for (const finding of examined.findings) show(finding, out);
  const guide = application.session === null ? 'docs/page.md' : 'docs/passwords.md';
  out.line(dim(`The page's half is in ${guide}. When it runs: npx latchkey doctor --site ${application.origins[0]}`));
  return examined.exit;
}

/** Both files or none. Whoever writes one in between keeps it. */
function write(folder: string, files: readonly NewFile[]): void {
  const written: string[] = [];
  for (const { path, text } of files) {
    const file = join(folder, path);
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { flag: 'wx' });
      written.push(file);
    } catch (error) {
      for (const each of written) rmSync(each);
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
        throw new Fault(
          'usage',
          `${path} is there already, and nothing was written. --name gives the new files another name.`,
        );
      }
      throw new Fault('unreachable', `${path} cannot be written: ${messageOf(error)}`, error);
    }
  }
}

/** As far as there is something to look at before the routes are mounted: the RP ID, and the store where its address is known. */
async function look({ driver, origins }: Application, context: Context): Promise<Examined> {
  const { variable } = STORES[driver];
  const store = process.env.LATCHKEY_STORE ?? (variable === null ? undefined : process.env[variable]);
  const where = store === undefined || store === '' ? {} : { store };
  const looked = await examine(
    { rpId: 'localhost', origin: origins, mount: '/passkeys', page: '/', ...where },
    context,
  );
  // The new file makes them when the application starts.
  const findings = looked.findings.filter(({ saw }) => saw !== NO_TABLES);
  const fine = looked.exit === 'findings' && !findings.some(({ severity }) => severity === 'error');
  return { ...looked, findings, exit: fine ? 'fine' : looked.exit };
}

const LANGUAGES = {
  esm: 'JavaScript with import',
  cjs: 'JavaScript with require()',
  'ts esm': 'TypeScript for import',
  'ts cjs': 'TypeScript for require()',
} as const;

function told({ folder: _, entry, packages: __, ...known }: Application) {
  return { ...known, entry: entry?.file ?? null };
}

function described({ framework, typescript, module, driver, session, entry }: Application): string {
  const language = LANGUAGES[typescript ? (`ts ${module}` as const) : module];
  const accounts = session === null ? 'no session of its own that is known here' : `sessions by ${session}`;
  return `${framework}, ${language}, ${STORES[driver].name}, ${accounts}; ${entry ? `the app is made in ${entry.file}` : 'no file was found that makes the app'}`;
}

function print({ what, where, lines }: Step, number: number, out: Output): void {
  out.line('');
  out.line(strong(`${number}. ${what}`));
  for (const place of where) out.line('   ', dim(place));
  for (const line of lines) out.line(`     ${line}`);
}
