// The example on Hono as it is started on Bun and on Deno: a software passkey signs up, out and in by it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createAgent } from '@latchkey/testing';
import { freePort } from '../support/ports.ts';

/** How long npx may take to bring a runtime, in milliseconds. */
const PATIENCE_MS = 180_000;

/** @param command what starts a program on the runtime, in words. Throws where the example does not do what it should. */
export async function useHonoExample(
  name: 'bun.ts' | 'deno.ts',
  [command = '', ...args]: readonly string[],
): Promise<void> {
  const file = fileURLToPath(new URL(`../../examples/hono/${name}`, import.meta.url));
  const port = await freePort();
  // A group of its own: npx has the runtime as a child.
  const child = spawn(command, [...args, file], {
    env: { ...process.env, PORT: `${port}` },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(child, 'close');
  try {
    await listening(child.stdout);
    const ada = createAgent(`http://localhost:${port}`);
    const me = async () => (await ada.request('GET', '/me')).status;
    assert.equal(await me(), 401);
    const passkey = await ada.signUp('ada');
    assert.equal(await me(), 200);
    assert.equal((await ada.request('DELETE', '/passkeys/session')).status, 204);
    assert.equal(await me(), 401);
    assert.equal((await ada.signIn(passkey)).json.attempt.enforcement, 'enforced');
    assert.equal(await me(), 200);
    assert.equal((await ada.signIn(passkey, { bend: { flags: { UV: false } } })).status, 401);
  } finally {
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM');
    await ended;
  }
}

async function listening(stdout: NodeJS.ReadableStream): Promise<void> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  let text = '';
  while (!/^listening on /m.test(text)) {
    const [chunk] = await Promise.race([
      once(stdout, 'data', { signal: late }),
      once(stdout, 'end').then(() => [null]),
    ]);
    if (chunk === null) throw new Error(`It ended before it listened: ${text}`);
    text += chunk;
  }
  stdout.resume();
}
