/** Results as people read them: Markdown tables. */
import type { Contestant } from './contestants.ts';
import type { Cost, Result } from './race.ts';

export interface Row {
  readonly name: string;
  /** Median over the rounds, in microseconds for each sign-in. */
  readonly cpu: number;
  readonly wall: number;
  /** Medians of the ratios of CPU time in each round. */
  readonly ratios: { readonly limit?: number; readonly 'limit+'?: number; readonly 'hand-wired'?: number };
  /** The smallest and the largest CPU time of a round. */
  readonly spread: readonly [number, number];
}

/** Each contestant beside the limit of its framework, limit+ of its framework and store, and hand wiring on its store. */
export function rowsOf(results: readonly Result[]): Row[] {
  const find = (kind: Contestant['kind'], fits: (other: Contestant) => boolean) =>
    results.find(({ contestant }) => contestant.kind === kind && fits(contestant));
  return results.map((result) => {
    const { name } = result;
    const { kind, framework, store } = result.contestant;
    const limit = find('limit', (other) => other.framework === framework);
    const more = find('limit+', (other) => other.framework === framework && other.store === store);
    const wired = find('hand-wired', (other) => other.store === store);
    const cpu = (cost: Cost) => cost.cpu;
    const all = result.costs.map(cpu);
    return {
      name,
      cpu: median(all),
      wall: median(result.costs.map(({ wall }) => wall)),
      ratios: {
        ...(limit && kind !== 'limit' && { limit: ratio(result, limit, cpu) }),
        ...(more && kind !== 'limit' && kind !== 'limit+' && { 'limit+': ratio(result, more, cpu) }),
        ...(wired && ['latchkey', 'better-auth'].includes(kind) && { 'hand-wired': ratio(result, wired, cpu) }),
      },
      spread: [Math.min(...all), Math.max(...all)],
    };
  });
}

export function ratio(result: Result, reference: Result, of = ({ cpu }: Cost) => cpu): number {
  return median(result.costs.map((cost, round) => of(cost) / of(reference.costs[round]!)));
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function raceTable(rows: readonly Row[]): string {
  const times = (value: number | undefined) => (value === undefined ? '' : `${value.toFixed(2)} ×`);
  return table(
    ['a sign-in', 'CPU µs', 'rounds', 'wall µs', 'of the limit', 'of limit+', 'of hand-wired'],
    rows.map(({ name, cpu, wall, ratios, spread: [least, most] }) => [
      name,
      cpu.toFixed(0),
      `${least.toFixed(0)}–${most.toFixed(0)}`,
      wall.toFixed(0),
      times(ratios.limit),
      times(ratios['limit+']),
      times(ratios['hand-wired']),
    ]),
  );
}

/** The first column is words, the others are figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, 3, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (column === 0 ? (cells[column] ?? '').padEnd(width) : (cells[column] ?? '').padStart(width))).join(' | ')} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}
