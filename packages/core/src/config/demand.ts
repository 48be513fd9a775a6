/** How a check of an option fails: with a ConfigurationError that says what to write. */

import { type Duration, milliseconds } from '../duration.ts';
import { ConfigurationError } from '../errors.ts';

export function oneOf<const T>(option: string, value: unknown, allowed: readonly T[]): T {
  demand(allowed.includes(value as T), option, value, `Write one of ${allowed.map((name) => `'${name}'`).join(', ')}.`);
  return value as T;
}

export function between(option: string, value: Duration, least: number, most: number): number {
  const ms = milliseconds(option, value);
  demand(ms >= least && ms <= most, option, value, `Write a duration from ${least} ms to ${most / 60_000} minutes.`);
  return ms;
}

export function demand(holds: boolean, option: string, got: unknown, instead: string): asserts holds {
  if (!holds) throw new ConfigurationError(option, got, instead);
}
