/** A command in this process, without the start of another: for tests of what it says, and not of how it ends. */
import { Command } from 'commander';
import { vi } from 'vitest';
import type { Ran } from './latchkey.ts';

/** Runs what `define` makes, with these arguments, and with nothing of ours in the environment but this. */
export async function runIn(
  define: (command: Command) => void,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  for (const name of ['LATCHKEY_STORE', 'LATCHKEY_IDENTITY_KEY', 'LATCHKEY_EARLIER_IDENTITY_KEYS'])
    vi.stubEnv(name, env[name]);
  const [stdout, stderr] = [process.stdout, process.stderr].map((stream) => {
    const texts: string[] = [];
    const write = vi.spyOn(stream, 'write').mockImplementation((text) => texts.push(String(text)) > 0);
    return { texts, write };
  });
  const before = process.exitCode;
  try {
    const command = new Command().exitOverride();
    define(command);
    await command.parseAsync([...args], { from: 'user' });
    return { code: Number(process.exitCode), stdout: stdout!.texts.join(''), stderr: stderr!.texts.join('') };
  } finally {
    process.exitCode = before;
    for (const { write } of [stdout!, stderr!]) write.mockRestore();
    vi.unstubAllEnvs();
  }
}
