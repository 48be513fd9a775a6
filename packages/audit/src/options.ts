/** Checks of options that several sinks share. Each throws a ConfigurationError that names the option. */
import { ConfigurationError, type Duration } from '@latchkey/core';

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration, at least `leastMs` (default 1). */
export function durationOf(option: string, value: Duration, leastMs = 1): number {
  const [, amount, unit] = typeof value === 'string' ? (/^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) ?? []) : [];
  const ms = typeof value === 'number' ? value : Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (!(Number.isFinite(ms) && ms >= leastMs)) {
    throw new ConfigurationError(option, value, "Write '5s', '2m', or milliseconds.");
  }
  return ms;
}

/** A whole number, at least `least`. */
export function countOf(option: string, value: number, { least = 1, of }: { least?: number; of: string }): number {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new ConfigurationError(option, value, `Write a number of ${of}, ${least} or more.`);
  }
  return value;
}
