/** Checks of options that several sinks share. Each throws a ConfigurationError that names the option. */
import { ConfigurationError, type Duration, milliseconds } from '@latchkey/core';

/** Milliseconds of a duration, at least `leastMs` (default 1). */
export function durationOf(option: string, value: Duration, leastMs = 1): number {
  const ms = milliseconds(option, value);
  if (ms < leastMs) throw new ConfigurationError(option, value, `Write at least ${leastMs} ms.`);
  return ms;
}

/** A whole number, at least `least`. */
export function countOf(option: string, value: number, { least = 1, of }: { least?: number; of: string }): number {
  if (!(Number.isSafeInteger(value) && value >= least)) {
    throw new ConfigurationError(option, value, `Write a number of ${of}, ${least} or more.`);
  }
  return value;
}
