/** Durations as people write them: `'90s'`, `'2m'`, or a number of milliseconds. */

import { ConfigurationError } from './errors.ts';

export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration. Throws a ConfigurationError that names `option`. */
export function milliseconds(option: string, value: unknown): number {
  const [, amount, unit] = typeof value === 'string' ? (/^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(value) ?? []) : [];
  const ms = typeof value === 'number' ? value : Number(amount) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (!Number.isFinite(ms) || ms < 0)
    throw new ConfigurationError(option, value, "Write '90s', '2m', or milliseconds.");
  return ms;
}
