/**
 * Compiles what the documentation shows, against the sources of the packages: the servers' blocks in one compilation, the
 * pages' in another. A fault is said with the page and the line where it stands.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type Block, root } from './pages.ts';

/** `page`: html blocks' scripts, and js blocks that import the browser client. `server`: all others. */
type Side = 'server' | 'page';

interface Source {
  readonly side: Side;
  /** Below the folder of its side. */
  readonly path: string;
  readonly lines: string[];
  /** For each of `lines`, where it comes from; for a line that nobody wrote, the block it was added to. */
  readonly places: string[];
}

const CONFIG: Record<Side, object> = {
  server: {
    extends: '../../tsconfig.json',
    compilerOptions: {
      lib: ['es2024', 'dom'],
      allowJs: true,
      checkJs: true,
      experimentalDecorators: true, // Nest's
      paths: { given: ['../../docs/given.ts'] },
    },
    include: ['**/*.ts', '**/*.js', '**/*.cjs'],
  },
  // What a page finds by id may not be there: nobody writes `!` in a script, so null is not looked for.
  page: {
    extends: '../../../tsconfig.base.json',
    compilerOptions: {
      lib: ['es2024', 'dom', 'dom.iterable'],
      types: [],
      module: 'esnext',
      moduleResolution: 'bundler',
      allowJs: true,
      checkJs: true,
      noImplicitAny: false,
      strictNullChecks: false,
      exactOptionalPropertyTypes: false,
      customConditions: ['latchkey-source'],
      paths: {
        given: ['../../docs/given-page.js'],
        '/passkeys/client.js': ['../../../packages/browser/src/index.ts'],
        '/passkeys/elements.js': ['../../../packages/elements/src/index.ts'],
        '/passkeys/elements/sign-in.js': ['../../../packages/elements/src/only-sign-in.ts'],
        '/passkeys/elements/de.js': ['../../../packages/elements/src/words/de.ts'],
      },
    },
    include: ['**/*.js'],
  },
};

const BROWSER = /from '(?:\/passkeys\/client\.js|@latchkey\/browser)'/;

/** The scripts of an html block, each with the line it begins at. */
function scriptsOf({ code, line }: Block): { code: string; line: number }[] {
  return [...code.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map(([script, inner]) => {
    const before = code.slice(0, code.indexOf(script) + script.indexOf('>') + 1);
    return { code: inner!, line: line + before.split('\n').length - 1 };
  });
}

function sourcesOf(blocks: readonly Block[]): Source[] {
  const sources: Source[] = [];
  for (const block of blocks) {
    if (block.language === 'ts') add('server', block, block);
    if (block.language === 'js') add(BROWSER.test(block.code) ? 'page' : 'server', block, block);
    if (block.language === 'html') for (const script of scriptsOf(block)) add('page', block, script);
  }
  return sources;

  function add(
    side: Side,
    { page, language, given, continues, file }: Block,
    { code, line }: { code: string; line: number },
  ) {
    const place = (number: number) => `${page}:${number}`;
    const lines = given === null ? [] : [`import { ${given} } from 'given';`];
    const places = lines.map(() => place(line));
    const own = code.split('\n');
    const last = sources.filter((source) => source.side === side).at(-1);
    if (continues && !last) throw new Error(`${place(line)} continues nothing.`);
    const ownPlaces = own.map((_, index) => place(line + index));
    if (continues) {
      last!.lines.push(...lines, ...own);
      last!.places.push(...places, ...ownPlaces);
      return;
    }
    const folder = page.replace(/\.md$/, '').replaceAll('/', '-');
    const path = `${folder}/${file ?? `line-${line}.${language === 'ts' ? 'ts' : 'js'}`}`;
    if (sources.some((source) => source.path === path)) throw new Error(`${place(line)}: ${file} is there already.`);
    // A file without import or export would share its names with the others.
    const first = path.endsWith('.cjs') ? '' : 'export {};';
    sources.push({
      side,
      path,
      lines: [first, ...lines, ...own],
      places: [place(line), ...places, ...ownPlaces],
    });
  }
}

/** Every fault that the compiler finds in these blocks: `docs/storage.md:12: TS2304: …`. */
export async function compile(blocks: readonly Block[]): Promise<string[]> {
  const sources = sourcesOf(blocks);
  const folder = mkdtempSync(join(root, 'tests/.docs-'));
  try {
    for (const { side, path, lines } of sources) {
      mkdirSync(dirname(join(folder, side, path)), { recursive: true });
      writeFileSync(join(folder, side, path), lines.join('\n'));
    }
    const sides = (['server', 'page'] as const).filter((side) => sources.some((source) => source.side === side));
    const outputs = await Promise.all(
      sides.map(async (side) => {
        writeFileSync(join(folder, side, 'tsconfig.json'), JSON.stringify(CONFIG[side]));
        const output = await tsc(join(folder, side));
        return output.split('\n').map((line) => said(line, folder, side, sources));
      }),
    );
    return outputs.flat().filter((line) => line !== '');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function tsc(project: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const command = ['--project', project, '--pretty', 'false'];
  execFile(join(root, 'node_modules/.bin/tsc'), command, { cwd: project, maxBuffer: 2 ** 24 }, (_, stdout, stderr) =>
    resolve(stdout + stderr),
  );
  return promise;
}

/** A line of the compiler's, with the page instead of the file. */
function said(line: string, folder: string, side: Side, sources: readonly Source[]): string {
  const [, file, number, what] = /^(\S+)\((\d+),\d+\): (?:error )?(.*)$/.exec(line) ?? [];
  if (file === undefined) return line;
  const path = relative(join(folder, side), join(folder, side, file));
  const source = sources.find((candidate) => candidate.side === side && candidate.path === path);
  return `${source?.places[Number(number) - 1] ?? file}: ${what}`;
}
