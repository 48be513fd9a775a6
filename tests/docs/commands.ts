/**
 * Shell blocks, as far as they can be checked without running them: scripts, packages, programs and files that a command
 * names have to exist.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './pages.ts';

const manifest = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const manifests = globSync('packages/*/package.json', { cwd: root }).map(manifest);
const scripts = new Set(Object.keys(manifest('package.json').scripts));
const packages = new Set<string>(manifests.map(({ name }) => name));
const programs = new Set<string>(
  manifests.flatMap(({ name, bin = {} }) => (typeof bin === 'string' ? [name] : Object.keys(bin))),
);
const catalog = new Set(
  [...readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8').matchAll(/^ {2}"?([@\w/.-]+)"?: /gm)].map(
    ([, name]) => name!,
  ),
);
const testFiles = globSync(['tests/**/*.test.ts', 'packages/*/test/**/*.test.ts'], { cwd: root });

/** Not ours: nothing is known of them. */
const FOREIGN = new Set(
  'apt-get cat cd cp curl docker echo export git grep gzip head jq kill ln mkdir mv openssl prometheus promtool psql redis-cli rm sha256sum sort sqlite3 sudo systemctl tail tar uniq'.split(
    ' ',
  ),
);

/** A sentence for each thing in this shell block that is not there. `page`: where the block stands, for its relative paths. */
export function faultsOfShell(code: string, page: string): string[] {
  const lines = code.replaceAll('\\\n', ' ').split('\n');
  return lines
    .flatMap((line) => commandsOf(line.replace(/^\$ /, '')))
    .map((command) => command.trim())
    .filter((command) => command !== '')
    .flatMap((command) => faultsOf(command, page));
}

/** The commands of a line: what stands in quotes joins and ends nothing. */
function commandsOf(line: string): string[] {
  const quoted: string[] = [];
  const masked = line.replace(/'[^']*'|"[^"]*"/g, (text) => `\0${quoted.push(text) - 1}\0`);
  return masked
    .replace(/(^|\s)#.*$/, '')
    .split(/&&|\|\|?|;|&$/)
    .map((command) => command.replace(/\0(\d+)\0/g, (_, at) => quoted[Number(at)]!));
}

function faultsOf(command: string, page: string): string[] {
  const words = command.match(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g) ?? [];
  while (/^[A-Z_][A-Z0-9_]*=/.test(words[0] ?? '')) words.shift();
  const [program = '', ...args] = words;
  const files = args.filter((word) => /^(?:packages|docs|examples|scripts|tests|bench)\/[\w./-]+$/.test(word));
  const missing = files.filter((file) => !existsSync(join(root, file))).map((file) => `${file} does not exist`);
  return [...missing, ...faultsOfProgram(program, args, page)];
}

function faultsOfProgram(program: string, args: readonly string[], page: string): string[] {
  const plain = args.filter((word) => !word.startsWith('-'));
  switch (program) {
    case 'npm':
      return faultsOfNpm(args);
    case 'npx': {
      const [name = ''] = plain;
      return programs.has(name) || packages.has(name) || name.startsWith('pnpm')
        ? []
        : [`npx ${name}: no package here has this program`];
    }
    case 'node': {
      const [file = ''] = plain;
      const known = file === '' || [root, join(root, dirname(page))].some((folder) => existsSync(join(folder, file)));
      // A file of the reader's own, which the page shows.
      return known || /^(?:\.\/)?[\w-]+\.m?[jt]s$/.test(file) ? [] : [`node ${file}: there is no such file`];
    }
    default:
      return FOREIGN.has(program) || programs.has(program) ? [] : [`${program}: this program is not known`];
  }
}

function faultsOfNpm([verb = '', ...args]: readonly string[]): string[] {
  const plain = args.filter((word) => !word.startsWith('-'));
  switch (verb) {
    case 'run':
      return scripts.has(plain[0]!) ? [] : [`npm run ${plain[0]}: there is no such script`];
    case 'test': {
      const [filter = ''] = args[0] === '--' ? plain : [];
      return testFiles.some((file) => file.includes(filter)) ? [] : [`npm test -- ${filter}: matches no test`];
    }
    case 'install':
      return plain
        .map((name) => name.replace(/^.*\/latchkey-(\w+)-\*\.tgz$/, '@latchkey/$1').replace(/(?<=.)@[^/]*$/, ''))
        .filter((name) => !packages.has(name) && !catalog.has(name))
        .map((name) => `npm install ${name}: not a package that is used or made here`);
    default:
      return [`npm ${verb}: this command is not known`];
  }
}
