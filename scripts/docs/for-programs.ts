// What programs read, made from the documentation that people read: llms.txt (what there is, a line a page), llms-full.txt (how
// to add passkeys, in one file), and a skill for each of three tasks. scripts/docs/reference.ts writes and compares them.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where all of a page is meant, the name of its file; else also the heading of its part. */
type Part = readonly [page: string, heading?: string];

interface Skill {
  /** What it is for, and when to take it: all that an agent sees before it opens the skill. */
  readonly description: string;
  readonly parts: readonly Part[];
}

const SKILLS: Readonly<Record<string, Skill>> = {
  'mount-passkeys': {
    description:
      'Add passkey sign-in by Latchkey to a Node.js application on Express, Koa, Fastify or anything that answers a Request. Use when an application gets passkeys, a sign-in page, a store, or a guard before a route.',
    parts: [['docs/express.md'], ['docs/page.md'], ['docs/storage.md', 'SQLite'], ['docs/storage.md', 'Migrations']],
  },
  'roll-out-passkeys': {
    description:
      'Roll out a Latchkey policy (report, prefer, require) without shutting anybody out. Use before policy.immediateMediation, userVerification or attestation gets stricter, and to find out who would be refused.',
    parts: [['docs/policy.md'], ['docs/cli.md', 'readiness']],
  },
  'read-a-sign-in-record': {
    description:
      'Find and explain the record of a sign-in attempt that Latchkey wrote. Use when somebody cannot sign in, when a reason or a code such as challenge_consumed has to be explained, or when sign-ins are investigated.',
    parts: [['docs/cli.md', 'attempts'], ['docs/reference/record.md'], ['docs/reference/reasons.md']],
  },
};

/** The pages of llms-full.txt: what it takes from the first line to production. */
const WHOLE = [
  ...[
    'README.md',
    'docs/express.md',
    'docs/koa.md',
    'docs/fastify.md',
    'docs/fetch.md',
    'docs/page.md',
    'docs/sign-up.md',
  ],
  ...['docs/passwords.md', 'docs/storage.md', 'docs/policy.md', 'docs/step-up.md', 'docs/sessions.md'],
  ...['docs/reference/options.md', 'docs/reference/http.md', 'docs/reference/errors.md'],
];

const MADE = 'Made from the documentation by scripts/docs/for-programs.ts. Change that, then: npm run reference';

/** Every file by its path from the root. */
export function forPrograms(): Map<string, string> {
  return new Map([
    ['llms.txt', index()],
    ['llms-full.txt', `${[`<!-- ${MADE} -->`, ...WHOLE.map((page) => textOf([page], ''))].join('\n\n')}\n`],
    ...Object.entries(SKILLS).map(([name, skill]) => [`skills/${name}/SKILL.md`, skillText(name, skill)] as const),
  ]);
}

/** https://llmstxt.org: a heading, what it is, and links with a line each. */
function index(): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const summary = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).description;
  // A row says what for, and then leads to one page or several.
  const rows = readFileSync(join(root, 'docs/README.md'), 'utf8').matchAll(/^\| (.+?) +\| (.*\]\(.*\).*?) +\|$/gm);
  const guides = [...rows].flatMap(([, what, links]) =>
    [...links!.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, title, target]) => [
      title!,
      posix.join('docs', target!),
      what!,
    ]),
  );
  const reference = ['options', 'http', 'openapi', 'errors', 'reasons', 'record', 'telemetry', 'limits'].map((name) =>
    name === 'openapi' ? 'openapi.json' : `${name}.md`,
  );
  const line = (path: string, title: string, what: string) => `- [${title}](${path})${what === '' ? '' : `: ${what}`}`;
  return `${[
    `# ${/^# (.+)$/m.exec(readme)![1]}`,
    `> ${summary}`,
    `Everything below in one file, as far as an application needs it: [llms-full.txt](llms-full.txt). ${MADE}`,
    '## Guides',
    [
      ...['express', 'koa', 'fastify', 'fetch', 'page'].map((name) => [
        titleOf(`docs/${name}.md`),
        `docs/${name}.md`,
        '',
      ]),
      ...guides,
    ]
      .map(([title, path, what]) => line(path!, title!, what!))
      .join('\n'),
    '## Reference',
    reference
      .map((name) =>
        name.endsWith('.md')
          ? line(`docs/reference/${name}`, titleOf(`docs/reference/${name}`), '')
          : line(`docs/reference/${name}`, 'OpenAPI 3.1', 'the HTTP routes'),
      )
      .join('\n'),
    '## Skills',
    Object.entries(SKILLS)
      .map(([name, { description }]) => line(`skills/${name}/SKILL.md`, name, description))
      .join('\n'),
  ].join('\n\n')}\n`;
}

function skillText(name: string, { description, parts }: Skill): string {
  const from = `skills/${name}`;
  const head = `---\nname: ${name}\ndescription: ${JSON.stringify(description)}\n---`;
  return `${[head, `<!-- ${MADE} -->`, ...parts.map((part) => textOf(part, from))].join('\n\n')}\n`;
}

function titleOf(page: string): string {
  return /^# (.+)$/m.exec(readFileSync(join(root, page), 'utf8'))![1]!;
}

/** A page or its part, without comments, with its links as they are from another folder. */
function textOf([page, heading]: Part, folder: string): string {
  const text = readFileSync(join(root, page), 'utf8');
  const lines: string[] = [];
  let inCode = false;
  let isWanted = heading === undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) inCode = !inCode;
    if (!inCode && heading !== undefined && /^##? /.test(line)) isWanted = line === `## ${heading}`;
    if (isWanted && (inCode || !/^<!-- .* -->$/.test(line))) lines.push(inCode ? line : relinked(line, page, folder));
  }
  const found = lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  if (found === '') throw new Error(`${page} has no part "${heading}".`);
  return found;
}

function relinked(line: string, page: string, folder: string): string {
  return line.replace(/\]\((?![a-z]+:)([^)#]*)(#[^)]*)?\)/g, (_, path: string, anchor = '') => {
    const target = path === '' ? page : posix.join(posix.dirname(page), path);
    return `](${posix.relative(folder, target)}${anchor})`;
  });
}
