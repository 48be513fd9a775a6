// One application on Hono, on Node.js and in a Worker of workerd: a software passkey over HTTP, and a person in real Chromium.
// Bun and Deno are not installed here: `npm run runtimes` brings them, and starts it there.
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundleWorker, COMPATIBILITY } from '../../scripts/release/bundle.ts';
import { freePort } from '../support/ports.ts';
import {
  click,
  clickSignIn,
  closeBrowser,
  closePages,
  liveThroughASession,
  recordOf,
  run,
  stopAll,
  visit,
  type WrittenSite,
  whenReady,
} from './example-server.ts';

const file = (name: string) => new URL(`../../examples/hono/${name}`, import.meta.url);

let workerd: Miniflare | undefined;

const start = {
  async 'Node.js'(): Promise<WrittenSite> {
    const program = run(file('node.ts'), { PORT: `${await freePort()}` });
    const listening = () => /^listening on (http:\/\/localhost:\d+)$/m.exec(program.output.stdout)?.[1];
    return { origin: await whenReady(program, listening), program };
  },

  async workerd(): Promise<WrittenSite> {
    const port = await freePort();
    const output = { stdout: '', stderr: '' };
    workerd = new Miniflare({
      ...COMPATIBILITY,
      modules: true,
      script: await bundleWorker({ entryPoints: [fileURLToPath(file('worker.ts'))], conditions: ['latchkey-source'] }),
      host: '127.0.0.1',
      port,
      bindings: { PORT: `${port}`, SWEEP: 'false' },
      handleRuntimeStdio(stdout: Readable, stderr: Readable) {
        stdout.on('data', (chunk) => (output.stdout += chunk));
        stderr.on('data', (chunk) => (output.stderr += chunk));
      },
    });
    await workerd.ready;
    return { origin: `http://localhost:${port}`, program: { output } };
  },
};

afterEach(closePages);
afterAll(closeBrowser);
afterAll(stopAll);
afterAll(() => workerd?.dispose());

describe.each(Object.entries(start))('examples/hono on %s', (_runtime, open) => {
  let site: WrittenSite;
  beforeAll(async () => {
    site = await open();
  });

  it('signs a software passkey up, out and in, records it, and lets no copied cookie outlive the sign-out', () =>
    liveThroughASession(site));

  it('signs a person up, out, and in by one click, in Chromium, with the record', async () => {
    const page = await visit(site.origin);
    await page.getByRole('textbox').fill('grace');
    expect(await click(page, 'Sign up')).toEqual({ kind: 'done', me: { id: expect.any(String), name: 'grace' } });
    expect(await click(page, 'Sign out')).toMatchObject({ kind: 'done', me: { code: 'sign_in_required' } });
    const { attempt, ...shown } = await clickSignIn(page);
    expect(shown).toMatchObject({ kind: 'passkey', me: { name: 'grace' } });
    const record = await recordOf(attempt.id, site.program);
    expect(record).toMatchObject({
      outcome: 'success',
      attempt: { mode: 'immediate' },
      immediate: { enforcement: 'enforced' },
      library: { framework: 'fetch' },
    });
  });
});

it('ends attempts that nobody ended in the scheduled handler of the Worker', async () => {
  // Miniflare's declarations are made for those of Cloudflare's runtime, which are not installed.
  const worker = (await workerd!.getWorker()) as unknown as { scheduled(event: object): Promise<unknown> };
  expect(await worker.scheduled({ cron: '* * * * *' })).toMatchObject({ outcome: 'ok' });
});
