/** One text for the same facts, so that a hash or a signature over JSON means its facts and not its spelling. */

/** JSON with the members of every object in the order of their names (RFC 8785). */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  // By UTF-16 code units, as `sort` compares without a locale.
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** The object in a text of JSON; null when there is none. */
export function asObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Whether a name stands twice in one object of a text: readers would disagree what it says. */
export function isAmbiguous(text: string, value: object): boolean {
  try {
    return countNames(text) !== countNames(canonicalJson(value));
  } catch {
    // Nested too deep to be ours.
    return true;
  }
}

/** How many member names stand in a JSON text: strings with a colon behind them. */
function countNames(json: string): number {
  let names = 0;
  for (const [, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) names += 1;
  return names;
}
