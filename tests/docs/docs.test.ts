// What the documentation says is held against the code: every block compiles, parses or names what is there, every link leads
// somewhere, the reference is what the code says today, and the examples run.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ATTEMPT_SCHEMA, type AttemptRecord, createPasskeys, EVENT_NAMES, memoryStore } from '@latchkey/core';
import { expressPasskeys } from '@latchkey/express';
import { Ajv2020 } from 'ajv/dist/2020.js';
import express from 'express';
import { parse, parseFragment } from 'parse5';
import type { Page as BrowserPage } from 'playwright-core';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { checkOptions } from '../../packages/core/src/config/check-options.ts';
import { milliseconds } from '../../packages/core/src/duration.ts';
import { ALGORITHMS } from '../../packages/core/src/options.ts';
import {
  closeBrowser,
  closePages,
  liveThroughASession,
  run,
  stop,
  stopAll,
  visit,
  whenReady,
} from '../examples/example-server.ts';
import { freePort } from '../support/ports.ts';
import { atThisSpeed } from '../support/slowness.ts';
import { faultsOfShell } from './commands.ts';
import { compile } from './compile.ts';
import { anchorsOf, type Block, documentation, linksOf, otherPages, type Page, root } from './pages.ts';

const ALGORITHM_NAMES = Object.fromEntries(Object.entries(ALGORITHMS).map(([name, number]) => [number, name]));
// Programs and browsers are started here, on machines that may have much else to do.

const blocks = documentation.flatMap((page) => page.blocks);
const inLanguage = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language));
const at = ({ page, line }: Block, fault: string) => `${page}:${line}: ${fault}`;

describe('code blocks', () => {
  it('say in what language they are, out of those that are checked here', () => {
    // What is in tsx and vue is built and used by tests/elements/vite.test.ts.
    const known = ['ts', 'tsx', 'vue', 'js', 'html', 'json', 'yaml', 'sh', 'text'];
    expect(
      blocks.filter(({ language }) => !known.includes(language)).map((block) => at(block, block.language)),
    ).toEqual([]);
  });

  it('in TypeScript and JavaScript compile, as two that are wrong on purpose do not', async () => {
    const wrong = { page: 'wrong.md', line: 7, given: null, continues: false, file: null };
    const script = 'import { createPasskeyClient } from "/passkeys/client.js";\ncreatePasskeyClient().signin();';
    const faults = await compile([
      ...blocks,
      { ...wrong, language: 'ts', code: "import { memoryStore } from '@latchkey/core';\nmemoryStore('x');" },
      { ...wrong, language: 'html', code: `<p>\n<script type="module">\n${script}\n</script>` },
    ]);
    expect(faults).toEqual([
      expect.stringMatching(/^wrong\.md:8: TS2554/),
      expect.stringMatching(/^wrong\.md:10: TS2551/),
    ]);
  });

  it('in JSON parse, and records of attempts keep their schema', () => {
    const isRecord = new Ajv2020({ strict: false, formats: { uuid: true, 'date-time': true } }).compile(ATTEMPT_SCHEMA);
    const faults = inLanguage('json').flatMap((block) => {
      try {
        const value = JSON.parse(block.code);
        if (!EVENT_NAMES.some((name) => value.schema === `${name}/1`) || isRecord(value)) return [];
        return isRecord.errors!.map(({ instancePath, message }) => at(block, `${instancePath} ${message}`));
      } catch (thrown) {
        return [at(block, (thrown as Error).message)];
      }
    });
    expect(faults).toEqual([]);
  });

  it('in YAML parse', () => {
    const faults = inLanguage('yaml').flatMap((block) =>
      parseDocument(block.code).errors.map(({ message }) => at(block, message)),
    );
    expect(faults).toEqual([]);
  });

  it('in HTML parse without a fault', () => {
    const faults = inLanguage('html').flatMap((block) => {
      const found: string[] = [];
      const onParseError = ({ code, startLine }: { code: string; startLine: number }) =>
        found.push(`${block.page}:${block.line + startLine - 1}: ${code}`);
      const options = { onParseError, sourceCodeLocationInfo: true };
      if (/^<!doctype/i.test(block.code)) parse(block.code, options);
      else parseFragment(block.code, options);
      return found;
    });
    expect(faults).toEqual([]);
  });

  it('for the shell name scripts, packages, programs and files that exist', () => {
    const faults = inLanguage('sh').flatMap((block) =>
      faultsOfShell(block.code, block.page).map((fault) => at(block, fault)),
    );
    expect(faults).toEqual([]);
  });

  it('for the shell are found out when they name what is not there', () => {
    const wrong = ['npm run none', 'npm install none', 'npm test -- none', 'npx none', 'node scripts/none.mjs', 'none'];
    for (const command of wrong) expect(faultsOfShell(`A=b ${command} # why`, 'README.md'), command).not.toEqual([]);
    expect(faultsOfShell("npm test && jq 'a | b' x.log | head", 'README.md')).toEqual([]);
  });
});

describe('links', () => {
  const pages = new Map<string, Page>([...documentation, ...otherPages].map((page) => [page.path, page]));

  it('lead to files and headings that are there', () => {
    const faults = [...pages.values()].flatMap((page) =>
      linksOf(page)
        .filter(({ target }) => !/^[a-z]+:/.test(target))
        .flatMap(({ line, target }) => {
          const [path = '', anchor] = target.split('#');
          const file = path === '' ? page.path : normalize(join(dirname(page.path), path)).replace(/\/$/, '');
          const said = `${page.path}:${line}: ${target}`;
          if (!existsSync(join(root, file))) return [`${said} is not there`];
          if (anchor === undefined) return [];
          const readme = statSync(join(root, file)).isDirectory() ? `${file}/README.md` : file;
          const other = pages.get(readme);
          return other && anchorsOf(other).has(anchor) ? [] : [`${said}: there is no such heading`];
        }),
    );
    expect(faults).toEqual([]);
  });

  it('and files named in the text are there, too', () => {
    const named = [...pages.values()].flatMap((page) =>
      [...page.prose.matchAll(/`((?:packages|docs|examples|scripts|tests|bench)\/[\w./-]+)`/g)].map(
        ([, file]) => [page.path, file!] as const,
      ),
    );
    expect(named.filter(([, file]) => !existsSync(join(root, file)))).toEqual([]);
  });

  it('in docs/README.md lead to every page of docs', () => {
    const index = pages.get('docs/README.md')!;
    const linked = linksOf(index).map(({ target }) => normalize(join('docs', target.split('#')[0]!)));
    const folders = linked
      .filter((path) => existsSync(join(root, path, 'README.md')))
      .map((path) => path.replace(/\/$/, ''));
    const unlinked = documentation
      .map(({ path }) => path)
      .filter((path) => path.startsWith('docs/') && path !== index.path && !linked.includes(path))
      .filter((path) => !folders.includes(dirname(path)));
    expect(unlinked).toEqual([]);
  });
});

describe('the reference', () => {
  it('says what the code says', async () => {
    const made = await node(['--conditions=latchkey-source', 'scripts/docs/reference.ts', '--check'], root);
    expect(made).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('has a row for every option, with the default that it really has', () => {
    const { text } = documentation.find(({ path }) => path === 'docs/reference/options.md')!;
    const rows = new Map(
      [...text.matchAll(/^\| `([\w.]+)(?:\(\))?` \| (.*?) \| (.*) \|$/gm)].map(([, option, value]) => [
        option!,
        value!,
      ]),
    );
    const said = (option: string) => rows.get(option)!.split(/[;:]/)[0]!.replaceAll('`', '').replaceAll("'", '');
    const { shared, configOf } = checkOptions({
      rp: { id: 'example.com', name: 'Example', origins: ['https://example.com'] },
      users: { find: () => null },
      store: memoryStore(),
    });
    const { policy } = configOf(null)!;
    const ms = (option: string) => milliseconds(option, said(option));
    expect({
      ...{ immediateMediation: said('policy.immediateMediation'), userVerification: said('policy.userVerification') },
      ...{ signCount: said('policy.signCount'), maxPasskeys: Number(said('policy.maxPasskeys')) },
      ...{ fallback: said('policy.fallback'), algorithms: said('policy.algorithms').split(', ') },
      ...{ challengeTtlMs: ms('policy.challengeTtl'), recentSignInMs: ms('policy.recentSignIn') },
      ...{ conditionalCreate: said('policy.conditionalCreate') === 'true', invitations: said('policy.invitations') },
    }).toEqual({
      ...{ immediateMediation: policy.immediateMediation, userVerification: policy.userVerification },
      ...{ signCount: policy.signCount, maxPasskeys: policy.maxPasskeys },
      fallback: `[${policy.fallback.join(', ')}]`,
      algorithms: policy.algorithms.map((number) => ALGORITHM_NAMES[number]),
      ...{ challengeTtlMs: policy.challengeTtlMs, recentSignInMs: policy.recentSignInMs },
      ...{ conditionalCreate: policy.conditionalCreate, invitations: policy.invitations },
    });
    expect([ms('storeTimeout'), ms('sweepEvery'), ms('sessions.revalidateAfter')]).toEqual([
      shared.storeTimeoutMs,
      shared.sweepEveryMs,
      shared.sessions?.revalidateAfterMs,
    ]);
  });
});

// --- examples ---

afterEach(closePages);
afterAll(closeBrowser);
afterAll(stopAll);

/** Runs Node.js to its end. */
async function node(args: readonly string[], cwd: string): Promise<{ code: number; stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, args, { cwd, timeout: atThisSpeed(50_000) }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

/** The first block of a page that is no other file's, as example.ts, and with it the page's files. */
function exampleOf(path: string): Map<string, string> {
  const own = blocks.filter(({ page, language }) => page === path && language === 'ts');
  const first = own.find(({ file }) => file === null);
  const files = own.flatMap(({ file, code }) => (file === null ? [] : [[file, code] as const]));
  return new Map([...(first ? [['example.ts', first.code] as const] : []), ...files]);
}

/** Writes files into a folder of their own, below this one so that they find the packages that they import. */
async function inFolder<T>(files: Map<string, string>, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(import.meta.dirname, '.example-'));
  try {
    for (const [file, code] of files) await writeFile(join(folder, file), code);
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const fileIn = (folder: string, file: string) => pathToFileURL(join(folder, file));

describe.each([
  ...['express', 'koa', 'fastify', 'fetch'].map((name) => [`packages/${name}/README.md`, 'example.ts']),
  ...['express', 'koa', 'fastify'].map((name) => [`docs/${name}.md`, 'server.ts']),
])('the example in %s', (path, entry) => {
  it('signs a software passkey up, out and in, and records it', async () => {
    const port = String(await freePort());
    const files = [...exampleOf(path)].map(([file, code]) => [file, code.replaceAll('3000', port)] as const);
    await inFolder(new Map(files), async (folder) => {
      const program = run(fileIn(folder, entry));
      const origin = `http://localhost:${port}`;
      await whenReady(program, () => fetch(origin).catch(() => null));
      await liveThroughASession({ origin, program });
      await stop(program);
    });
  });
});

describe('docs/storage.md', () => {
  it('has a store for CommonJS, whose tables are there when it is ready', async () => {
    const { code } = blocks.find(({ page, file }) => page === 'docs/storage.md' && file === 'store.cjs')!;
    const use = `const { store, ready } = require('./store.cjs');
      ready.then(async () => console.log(await store.passkeys.listByUser('nobody')));`;
    await inFolder(
      new Map([
        ['store.cjs', code.replace('latchkey.db', ':memory:')],
        ['use.cjs', use],
      ]),
      async (folder) => {
        const { stdout, stderr } = await node(['--conditions=latchkey-source', 'use.cjs'], folder);
        expect({ stdout, stderr }).toEqual({ stdout: '[]\n', stderr: '' });
      },
    );
  });
});

describe('the README', () => {
  it('of @latchkey/core shows the example of @latchkey/express', () => {
    expect(exampleOf('packages/core/README.md')).toEqual(exampleOf('packages/express/README.md'));
  });

  it.each(['express', 'koa', 'fastify'])('mounts %s as the README of its package does, in under 12 lines', (name) => {
    const shown = exampleOf(`packages/${name}/README.md`).get('example.ts')!;
    expect(inLanguage('ts').some(({ page, code }) => page === 'README.md' && code === shown)).toBe(true);
    expect(shown.trimEnd().split('\n').length).toBeLessThan(12);
  });
});

describe('docs/testing.md', () => {
  it.each(['app.test.ts', 'page.test.ts'])('has a test that passes: %s', (file) =>
    inFolder(exampleOf('docs/testing.md'), async (folder) => {
      const { code, stdout } = await node(['--conditions=latchkey-source', '--test', file], folder);
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^# pass [1-9]|^ℹ pass [1-9]/m) });
    }),
  );
});

describe('the example in the README of', () => {
  it('@latchkey/testing registers, signs in, and is refused where it should be', () =>
    inFolder(exampleOf('packages/testing/README.md'), async (folder) => {
      expect(await node(['--conditions=latchkey-source', 'example.ts'], folder)).toMatchObject({ code: 0, stdout: '' });
    }));

  it('@latchkey/audit writes a record of every attempt, the last one before it ends too', () => {
    const use = `import { passkeys } from './example.ts';
      const nobody = { address: null, url: '/', framework: 'none', native: null, nativeResponse: null };
      const options = { method: 'POST', path: '/authentication/options', header: () => 'text/plain', body: { parsed: {} } };
      await passkeys.handle({ ...options, ...nobody });
      process.kill(process.pid, 'SIGTERM');
      setTimeout(() => {}, 10_000);`;
    return inFolder(exampleOf('packages/audit/README.md').set('use.ts', use), async (folder) => {
      const { code, stderr } = await node(['--conditions=latchkey-source', 'use.ts'], folder);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const log = readdirSync(folder).find((name) => name.endsWith('.log'))!;
      const records = readFileSync(join(folder, log), 'utf8').trimEnd().split('\n');
      expect(records.map((line) => JSON.parse(line).reason)).toEqual(['origin_denied']);
    });
  });

  it('@latchkey/sql keeps the store contract', () => {
    const use = `import { challengeStoreContract, passkeyStoreContract } from '@latchkey/testing';
      import { store } from './example.ts';
      for (const { check } of challengeStoreContract) await check(store.challenges);
      for (const { check } of passkeyStoreContract) await check(store.passkeys);`;
    return inFolder(exampleOf('packages/sql/README.md').set('use.ts', use), async (folder) => {
      expect(await node(['--conditions=latchkey-source', 'use.ts'], folder)).toEqual({
        code: 0,
        stdout: '',
        stderr: '',
      });
    });
  });

  it('@latchkey/redis keeps a challenge in Redis', () => {
    const use = `import { passkeys } from './example.ts';
      const header = (name) => ({ 'content-type': 'application/json' })[name];
      const nobody = { address: null, url: '/', framework: 'none', native: null, nativeResponse: null };
      const options = { method: 'POST', path: '/authentication/options', header, body: { parsed: {} } };
      const { status } = await passkeys.handle({ ...options, ...nobody });
      console.log(status);
      process.exit();`;
    const example = exampleOf('packages/redis/README.md').get('example.ts')!;
    const url = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
    const files = new Map([
      ['example.ts', example.replace('redis://127.0.0.1:6379', url)],
      ['use.ts', use],
    ]);
    return inFolder(files, async (folder) => {
      const ended = await node(['--conditions=latchkey-source', 'use.ts'], folder);
      expect(ended).toEqual({ code: 0, stdout: '200\n', stderr: '' });
    });
  });
});

// --- pages in Chromium ---

/** The page that an html block of this documentation shows, served beside an application, everything that it left on record, and the paths it asked. */
async function inChromium(
  path: string,
  work: (page: BrowserPage, origin: string, records: AttemptRecord[], asked: string[]) => Promise<void>,
) {
  const html = inLanguage('html').find(({ page }) => page === path)!.code;
  const records: AttemptRecord[] = [];
  const asked: string[] = [];
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const { routes, requireSignIn } = expressPasskeys(
    createPasskeys({
      rp: { id: 'localhost', name: 'Example', origins: [origin] },
      users: { find: (id) => ({ id, name: id }), create: ({ name }) => ({ id: name, name }) },
      store: memoryStore(),
      logger: { info: () => {}, warn: () => {}, error: () => {} },
      audit: { sinks: [{ name: 'test', write: (record) => void records.push(record) }] },
    }),
  );
  const app = express();
  app.use((req, _res, next) => {
    asked.push(req.path);
    next();
  });
  app.use(routes());
  app.get(['/me', '/account'], requireSignIn(), (req, res) => void res.json({ name: req.passkeySession.user.name }));
  app.get(
    '/',
    (_req, res) => void res.send(html.startsWith('<!doctype') ? html : `<!doctype html><title>Example</title>${html}`),
  );
  const server = app.listen(port, 'localhost');
  try {
    await work(await visit(origin), origin, records, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const signIns = (records: readonly AttemptRecord[]) =>
  records
    .filter(({ event }) => event.name === 'latchkey.signin.attempt')
    .map(({ outcome, immediate }) => [outcome, immediate.enforcement]);

describe('the page', () => {
  it('in the README signs up, and in by one click, which is one attempt', () =>
    inChromium('README.md', async (page, origin, records, asked) => {
      await page.getByPlaceholder('Name').fill('grace');
      await page.getByRole('button', { name: 'Sign up' }).click();
      await page.waitForURL('**/me');
      await page.context().clearCookies();
      asked.length = 0;
      await page.goto(origin);
      // The next page says that there is nothing to show: this one stays, and has time to do what it should not.
      await page.route('**/me', (route) => route.fulfill({ status: 204 }));
      const next = page.waitForRequest('**/me');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await next;
      for (const _ of [1, 2, 3]) await page.evaluate(`fetch('/passkeys/session').then((answer) => answer.text())`);
      const ceremonies = asked.filter((path) => path.startsWith('/passkeys/authentication/'));
      expect(ceremonies).toEqual(['/passkeys/authentication/options', '/passkeys/authentication/verify']);
      expect(signIns(records)).toEqual([['success', 'enforced']]);
      await page.unroute('**/me');
      await page.goto(`${origin}/me`);
      expect(await page.textContent('body')).toContain('grace');
    }));

  it('in docs/page.md signs up, out, and in by one click, which is one attempt', () =>
    inChromium('docs/page.md', async (page, _origin, records) => {
      await page.getByPlaceholder('Name').fill('grace');
      await page.getByRole('button', { name: 'Sign up' }).click();
      await page.getByText('Hello, grace.').waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByText('Hello, grace.').waitFor();
      expect(signIns(records)).toEqual([['success', 'enforced']]);
    }));

  it('in the README of @latchkey/browser signs in by one click, and shows other ways where there is no passkey', () =>
    inChromium('packages/browser/README.md', async (page, origin) => {
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('button', { name: 'Use a passkey from another device' }).waitFor();
      await page.evaluate(`(async () => {
        const { createPasskeyClient } = await import('/passkeys/client.js');
        const passkeys = createPasskeyClient();
        await passkeys.signUp({ username: 'grace' });
        await passkeys.signOut();
      })()`);
      await page.goto(origin);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.waitForURL('**/account');
    }));
});
