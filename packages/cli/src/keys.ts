/** Keys that a command is given: secret ones from the environment or a file, public ones from a file. */
import { readFileSync } from 'node:fs';
import type { PublicKeys } from '@latchkey/audit';
import { ConfigurationError } from '@latchkey/core';
import { Fault, messageOf } from './terminal/fault.ts';

/** `k1=env:NAME` or `k1=file:PATH`: a key itself never stands on a command line, where other users see it. */
export function readKey(option: string, given: string): [id: string, key: string] {
  const [, id, kind, place] = /^([^=]+)=(env|file):(.+)$/.exec(given) ?? [];
  if (id === undefined || place === undefined) {
    throw new Fault('usage', `${option} is id=env:NAME or id=file:PATH, for example k1=env:AUDIT_KEY_1.`);
  }
  if (kind === 'env') {
    const key = process.env[place];
    if (key === undefined) throw new Fault('usage', `${option} ${id}: the environment has no ${place}.`);
    return [id, key];
  }
  // The line end that an editor leaves is not part of the key.
  return [id, readText(`${option} ${id}`, place).replace(/\r?\n$/, '')];
}

/** Public keys by their ids: a JSON document `{ "c1": "-----BEGIN PUBLIC KEY-----…" }`. */
export function readPublicKeys(option: string, file: string): PublicKeys {
  const text = readText(option, file);
  try {
    const keys = JSON.parse(text) as Record<string, unknown>;
    if (Object.values(keys).every((key) => typeof key === 'string')) return keys as Record<string, string>;
  } catch {
    // Said below.
  }
  throw new Fault(
    'usage',
    `${option} is a file of JSON, the public keys by their ids: { "c1": "-----BEGIN PUBLIC KEY-----…" }.`,
  );
}

export function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Fault('unreachable', `${option}: ${messageOf(error)}`, error);
  }
}

/** What a wrong key or option becomes: a fault of the command line. */
export function asUsage(error: unknown): unknown {
  return error instanceof ConfigurationError ? new Fault('usage', error.message, error) : error;
}
