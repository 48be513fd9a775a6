// What docs/react.md and docs/vue.md show, built by Vite and used in Chromium: the very blocks of the pages.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { build } from 'vite';
import { beforeAll, describe, expect, it } from 'vitest';
import { documentation } from '../docs/pages.ts';
import { ada, inChromium, STRICT, signOut, signUp, site } from './page.ts';

inChromium();

const here = fileURLToPath(new URL('.', import.meta.url));

/** The block of a page, as one script for browsers. */
async function bundle(language: 'tsx' | 'vue', page: string, index: number): Promise<string> {
  const block = documentation.find(({ path }) => path === page)!.blocks.filter((block) => block.language === language)[
    index
  ]!;
  const folder = await mkdtemp(join(here, 'built-'));
  try {
    const app = join(folder, `app.${language}`);
    await writeFile(app, block.code);
    const main = join(folder, 'main.ts');
    const mount = "import { createApp } from 'vue';\nimport App from './app.vue';\ncreateApp(App).mount('#app');\n";
    await writeFile(main, language === 'vue' ? mount : "import './app.tsx';\n");
    await build({
      root: folder,
      configFile: false,
      logLevel: 'error',
      mode: 'production',
      resolve: { conditions: ['latchkey-source'], dedupe: ['react', 'react-dom'] },
      plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag.startsWith('latchkey-') } } })],
      oxc: { jsx: { runtime: 'automatic', development: false } },
      define: { 'process.env.NODE_ENV': '"production"' },
      build: { lib: { entry: main, formats: ['es'], fileName: 'app' }, outDir: 'out', minify: false },
    });
    return await readFile(join(folder, 'out/app.js'), 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A page that has the script, and an account that is signed out. */
async function open(script: string): Promise<void> {
  await signUp(ada);
  await signOut(ada);
  await ada.page.route('**/built.js', (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
  // Without the elements that the server has: these are in the bundle.
  await ada.page.route('**/passkeys/elements.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: '' }),
  );
  // Vue makes a policy of its own.
  const csp = STRICT.replace("trusted-types 'none'", 'trusted-types vue');
  await ada.show('<div id="app"></div>', { head: '<script type="module" src="/built.js"></script>', csp });
}

describe.each([
  ['React', 'tsx', 'docs/react.md'],
  ['Vue', 'vue', 'docs/vue.md'],
] as const)('the elements in %s', (_, language, page) => {
  let script: string;
  beforeAll(async () => {
    script = await bundle(language, page, 0);
  });

  it('sign in by one click, and show passkeys and sessions', async () => {
    await open(script);
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await ada.page.getByRole('heading', { name: 'Hello, ada' }).waitFor();
    await ada.page.getByRole('list', { name: 'Your passkeys' }).getByRole('listitem').waitFor();
    expect(await ada.page.locator('latchkey-passkeys').getAttribute('limit')).toBe('20');
    await ada.page.getByRole('button', { name: /^Sign out/ }).click();
    await ada.page.getByRole('button', { name: 'Sign in' }).waitFor();
  });
});

describe('the hooks in React, twice mounted as in StrictMode', () => {
  let script: string;
  beforeAll(async () => {
    script = await bundle('tsx', 'docs/react.md', 1);
  });
  const signIns = () => site.records.filter(({ event }) => event.name === 'latchkey.signin.attempt');

  it('sign in by one click with options that were prepared', async () => {
    await open(script);
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await ada.page.getByRole('listitem').waitFor();
    expect(signIns()).toMatchObject([{ outcome: 'success', immediate: { enforcement: 'enforced' } }]);
  });

  it('have passkeys wait in the field, again after a sheet that came to nothing', async () => {
    await open(script);
    const [passkey] = await ada.credentials();
    await ada.forget();
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await ada.page.getByRole('textbox', { name: 'Name' }).waitFor();
    await ada.askedInField(1);
    await ada.page.getByRole('button', { name: 'Use a passkey' }).click();
    await ada.askedInField(2);
    // Whether the request in the field sees this passkey is a matter of milliseconds: the sheet shall.
    await ada.plugIn(passkey!, { untouched: true });
    await ada.touch();
    await ada.page.getByRole('button', { name: 'Use a passkey' }).click();
    await ada.page.getByRole('listitem').waitFor();
  });

  it('list, rename and refuse as the server does', async () => {
    await open(script);
    await ada.page.getByRole('button', { name: 'Sign in' }).click();
    await ada.page.getByRole('button', { name: /^Rename/ }).click();
    await ada.page.getByRole('button', { name: 'Rename Mine' }).waitFor();
    await ada.page.getByRole('button', { name: 'Remove Mine' }).click();
    await ada.page.getByRole('status').getByText('last_passkey').waitFor();
  });
});
