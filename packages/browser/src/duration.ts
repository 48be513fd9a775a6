// Durations as people write them everywhere in Latchkey, as far as a page can wait: '90s', '2m', or a number of milliseconds.

/** A length of time: `'90s'`, `'2m'`, `'1h'`, `'30d'`, or milliseconds. */
export type Duration = number | `${number}${'ms' | 's' | 'm'}`;

const units: { [unit: string]: number } = { ms: 1, s: 1e3, m: 6e4 };

/** Throws a TypeError for what is none, or longer than a browser can wait: 24 days. */
export function requestTimeoutOf(value: Duration): number {
  const ms = typeof value === 'number' ? value : parseFloat(value) * units[value.replace(/^[\d.]+/, '')]!;
  if (!(ms >= 0 && ms < 2 ** 31)) throw new TypeError("requestTimeout: write '10s' or milliseconds.");
  return ms;
}
