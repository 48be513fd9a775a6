/** A CPU profile of the counted part alone, and its table of functions by their own and their inclusive time. */

import { readFileSync, writeFileSync } from 'node:fs';
import { type Profiler, Session } from 'node:inspector/promises';

/** Profiles this process. */
export function profiling() {
  const session = new Session();
  return {
    async start() {
      session.connect();
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: 200 });
      await session.post('Profiler.start');
    },
    /** In the format of `--cpu-prof`, for any viewer. */
    async save(file: string) {
      const { profile } = await session.post('Profiler.stop');
      writeFileSync(file, JSON.stringify(profile));
      session.disconnect();
    },
  };
}

interface Spent {
  readonly name: string;
  self: number;
  inclusive: number;
}

/** What a profile shows that is not asked about. */
const NOT_OURS = /^(\(root\)|\(idle\)|post node:inspector|start bench|verifyOnce |concluded |answer bench)/;

/**
 * The functions of a profile, in microseconds of CPU time for each of `count`. A profiler counts by the clock, also while
 * other processes have the processor: so the shares are its own, and the sum is what the process used, `cpu` microseconds.
 */
export function functionsOf(file: string, count: number, cpu: number): { readonly functions: Spent[] } {
  const { nodes, samples = [], timeDeltas = [] }: Profiler.Profile = JSON.parse(readFileSync(file, 'utf8'));
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const spent = new Map<string, Spent>();
  /** The time below a node; `above` are the functions that already count it. */
  const visit = (id: number, above: ReadonlySet<string>): number => {
    const { callFrame, children = [] } = byId.get(id)!;
    const name = nameOf(callFrame);
    if (NOT_OURS.test(name) && name !== '(root)') return 0;
    const inside = new Set(above).add(name);
    const self = own.get(id) ?? 0;
    const inclusive = self + children.reduce((sum, child) => sum + visit(child, inside), 0);
    const total = spent.get(name) ?? { name, self: 0, inclusive: 0 };
    total.self += self;
    if (!above.has(name)) total.inclusive += inclusive;
    spent.set(name, total);
    return inclusive;
  };
  visit(nodes[0]!.id, new Set());
  spent.delete('(root)');
  const busy = [...spent.values()].reduce((sum, { self }) => sum + self, 0);
  const share = cpu / busy / count;
  const functions = [...spent.values()].map(({ name, self, inclusive }) => ({
    name,
    self: self * share,
    inclusive: inclusive * share,
  }));
  return { functions };
}

/** `function file:line`, the file from its package on. */
function nameOf({ functionName, url, lineNumber }: Profiler.Profile['nodes'][number]['callFrame']): string {
  const name = functionName || '(anonymous)';
  if (url === '') return name;
  const place = url
    .replace(/^file:\/\//, '')
    .replace(/^.*\/node_modules\//, '')
    .replace(/^.*\/(packages|bench)\//, '$1/');
  return `${name} ${place}:${lineNumber + 1}`;
}
