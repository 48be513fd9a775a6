/**
 * How a record is written: what a script must read or change as one line of JSON each, then the rest as it is. A script
 * compares and replaces lines as text, so that no number, null or empty list ever passes through Lua's own idea of it,
 * and JSON puts no line break into a line, so that no value can pretend to be two.
 */

/** Lines, then the rest. `undefined` is not a line. */
export function writeRecord(lines: readonly unknown[], rest: string): string {
  return [...lines.map((line) => JSON.stringify(line)), rest].join('\n');
}

/** The first `count` lines as values, and the rest as text. */
export function readRecord(record: string, count: number): { lines: unknown[]; rest: string } {
  let at = 0;
  const lines: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const end = record.indexOf('\n', at);
    lines.push(JSON.parse(record.slice(at, end)));
    at = end + 1;
  }
  return { lines, rest: record.slice(at) };
}

/** The same in Lua: `split(record, count)` is an array of `count` lines and the rest; `table.concat(parts, '\n')` undoes it. */
export const SPLIT = `
local function split(record, count)
  local parts, at = {}, 1
  for i = 1, count do
    local stop = string.find(record, '\\n', at, true)
    if not stop then break end
    parts[i] = string.sub(record, at, stop - 1)
    at = stop + 1
  end
  parts[#parts + 1] = string.sub(record, at)
  return parts
end
`;
