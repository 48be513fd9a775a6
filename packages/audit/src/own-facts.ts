/** Why this file exists: the facts of a record that no schema has a field for, in our own words and under our own name. */
import type { AttemptRecord } from '@latchkey/core';

/** Paths of a record's members: `event.id`. */
type Paths = readonly string[];

/**
 * What of the record is not in `elsewhere`, with the names the OpenTelemetry log event has (`clientReport` is
 * `client_report`). Nulls are left out.
 */
export function ownFacts(record: AttemptRecord, elsewhere: Paths): object {
  return factsOf(record, '', new Set(elsewhere));
}

function factsOf(part: object, path: string, elsewhere: ReadonlySet<string>): Record<string, unknown> {
  const facts: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(part)) {
    const here = path === '' ? name : `${path}.${name}`;
    if (value === null || value === undefined || elsewhere.has(here)) continue;
    const own = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (typeof value !== 'object' || Array.isArray(value)) {
      facts[own] = value;
      continue;
    }
    const inner = factsOf(value, here, elsewhere);
    if (Object.keys(inner).length > 0) facts[own] = inner;
  }
  return facts;
}
