/**
 * The documentation as data: every page, its code blocks with what is needed to compile them, its headings and its links.
 *
 * What a block needs is said in a comment that no reader sees, just above it:
 *
 *     <!-- given: app, users, koaApp as app -->   imports these from given.ts (of a page's script: given-page.js)
 *     <!-- continues -->                          belongs to the block before it
 *     <!-- file: sessions.ts -->                  is this file for the other blocks of its page, as is a block that begins
 *                                                 with such a name in a comment (`// sessions.ts: …`)
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Block {
  readonly page: string;
  /** Where its first line of code stands in the page, from 1. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** What it imports from given.ts, as in an import statement. */
  readonly given: string | null;
  readonly continues: boolean;
  /** The file that it is for the other blocks of its page, where it is one. */
  readonly file: string | null;
}

export interface Page {
  /** From the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** The text without its code blocks, every line in its place. */
  readonly prose: string;
}

function read(path: string): Page {
  const text = readFileSync(`${root}${path}`, 'utf8');
  const blocks: Block[] = [];
  const prose: string[] = [];
  let open: { indent: string; fence: string; language: string; line: number; lines: string[] } | undefined;
  /** Comments since the last line that says something. */
  let comments: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (open) {
      prose.push('');
      if (line.trim() !== open.fence) {
        open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
        continue;
      }
      const said = (what: string) => comments.find((comment) => comment.startsWith(what))?.slice(what.length);
      blocks.push({
        page: path,
        line: open.line,
        language: open.language,
        code: open.lines.join('\n'),
        given: said('given: ') ?? null,
        continues: comments.includes('continues'),
        file: said('file: ') ?? /^\/\/ ([\w-]+\.[tj]s)\b/.exec(open.lines[0] ?? '')?.[1] ?? null,
      });
      open = undefined;
      comments = [];
      continue;
    }
    const [, indent, fence, language] = /^(\s*)(`{3,})\s*(\S*)/.exec(line) ?? [];
    if (fence !== undefined) {
      open = { indent: indent!, fence, language: language!, line: index + 2, lines: [] };
      prose.push('');
      continue;
    }
    prose.push(line);
    const comment = /^\s*<!-- (.*?) -->\s*$/.exec(line)?.[1];
    if (comment !== undefined) comments.push(comment);
    else if (line.trim() !== '') comments = [];
  }
  if (open) throw new Error(`${path}:${open.line - 1}: this code block has no end.`);
  return { path, text, blocks, prose: prose.join('\n') };
}

const list = (...patterns: string[]) =>
  globSync(patterns, { cwd: root, exclude: (name) => name.includes('node_modules') })
    .map((path) => path.replaceAll('\\', '/'))
    .sort();

/** The documentation: every code block in it is checked. */
export const documentation = list('README.md', 'docs/**/*.md', 'packages/*/README.md').map(read);

/** Everything else that people read here: only links are checked. */
export const otherPages = list('*.md', 'llms*.txt', 'skills/*/SKILL.md', 'examples/*/README.md', 'bench/**/*.md')
  .filter((path) => !documentation.some((page) => page.path === path))
  .map(read);

/** What GitHub makes of headings: the anchors that a link may name. */
export function anchorsOf({ prose, text }: Page): Set<string> {
  const anchors = new Set<string>();
  const headings = [...prose.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading]) => heading!);
  for (const heading of headings) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/<[^>]*>/g, '');
    const plain = words.replace(/[`*]|(?<!\w)_|_(?!\w)/g, '');
    const anchor = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let number = 1; anchors.has(unique); number++) unique = `${anchor}-${number}`;
    anchors.add(unique);
  }
  for (const [, id] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id!);
  return anchors;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

/** Links and pictures, in Markdown and in HTML; not those in code. */
export function linksOf({ prose }: Page): Link[] {
  return prose.split('\n').flatMap((line, index) => {
    const text = line.replace(/`[^`]*`/g, (code) => '·'.repeat(code.length));
    const targets = [
      ...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
      ...text.matchAll(/^\s*\[[^\]]+\]:\s*(\S+)/g),
      ...text.matchAll(/\b(?:href|src|srcset)="([^"]+)"/g),
    ];
    return targets.map(([, target]) => ({ line: index + 1, target: target! }));
  });
}
