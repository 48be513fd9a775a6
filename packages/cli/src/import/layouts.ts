/** Rows as exports write them, made flat: Django's `dumpdata`, MongoDB's extended JSON, and columns that hold a JSON object. */
import { Fault } from '../terminal/fault.ts';
import type { Row } from './values.ts';

/** A row whose columns are its own. `json`: columns of JSON objects whose members take the place of columns of the row. */
export function flatRow(row: Row, json: readonly string[]): Row {
  const { fields, ...others } = row;
  const plain = typeof row.model === 'string' && isObject(fields) ? { ...others, ...fields } : row;
  const own = Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, withoutMongo(value)]));
  for (const name of json) Object.assign(own, membersOf(own, name));
  return own;
}

function membersOf(row: Row, name: string): Row {
  if (!Object.hasOwn(row, name))
    throw new Fault('usage', `--json-column ${name}: a row has no such column, only ${Object.keys(row).join(', ')}.`);
  const value = row[name];
  // A row of another kind beside the passkeys has nothing there.
  if (value === null) return {};
  let members: unknown = value;
  try {
    if (typeof value === 'string') members = JSON.parse(value);
  } catch {}
  if (!isObject(members)) throw new Fault('usage', `--json-column ${name}: a row has no JSON object in it.`);
  return Object.fromEntries(Object.entries(members).map(([key, member]) => [key, withoutMongo(member)]));
}

/** The value in MongoDB's extended JSON, version 1 or 2. */
function withoutMongo(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { $oid, $date, $binary, $numberLong, $numberInt, $uuid } = value;
  if (typeof $oid === 'string') return $oid;
  if (typeof $uuid === 'string') return $uuid;
  if ($date !== undefined) return withoutMongo($date);
  if (typeof $numberLong === 'string') return $numberLong;
  if (typeof $numberInt === 'string') return $numberInt;
  const base64 = isObject($binary) ? $binary.base64 : $binary;
  return typeof base64 === 'string' ? new Uint8Array(Buffer.from(base64, 'base64')) : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
