/**
 * The shapes of request bodies, as data: what `http.ts` checks before anything else looks at a body, and what an adapter
 * can show to OpenAPI generators. Only named members are read, only own ones; everything else is ignored.
 */

/** A body whose members passed their schema. */
export type Body = Record<string, unknown>;

/** The part of JSON Schema that our bodies need. */
export type MemberSchema =
  | { readonly type: 'string'; readonly minLength: number; readonly maxLength: number }
  | { readonly enum: readonly (string | boolean)[] }
  | { readonly type: 'boolean' }
  | { readonly type: 'object' }
  /** Anything at all: `client` is lenient. */
  | Record<string, never>;

export interface BodySchema {
  readonly type: 'object';
  readonly required: readonly string[];
  readonly properties: Readonly<Record<string, MemberSchema>>;
}

const text = (maxLength: number): MemberSchema => ({ type: 'string', minLength: 1, maxLength });

const oneOf = (...values: (string | boolean)[]): MemberSchema => ({ enum: values });

const object: MemberSchema = { type: 'object' };

const anything: MemberSchema = {};

const body = (properties: Record<string, MemberSchema>, ...required: string[]): BodySchema => ({
  type: 'object',
  required,
  properties,
});

const verification = body({ attemptId: text(64), credential: object, client: anything }, 'attemptId', 'credential');

/** The bodies of the HTTP contract, by route. */
export const BODIES = {
  signInOptions: body({
    mode: oneOf('immediate', 'conditional', 'modal'),
    identifier: text(256),
    prefetch: { type: 'boolean' },
    client: anything,
  }),
  verification,
  outcome: body({ errorName: text(64), ended: oneOf('password'), begun: oneOf(true), client: anything }),
  registrationOptions: body({
    nickname: text(100),
    mediation: oneOf('conditional'),
    username: text(256),
    displayName: text(256),
  }),
  stepUpOptions: body({ action: text(64), client: anything }),
  passkeyChange: body({ nickname: text(100), enabled: { type: 'boolean' } }),
  nothing: body({}),
} as const;

/** The named members of a well-formed body, or undefined. Strings are well-formed Unicode without NUL, which SQL text cannot hold. */
export function readBody(schema: BodySchema, value: unknown): Record<string, unknown> | undefined {
  if (!isObject(value)) return undefined;
  const members: Record<string, unknown> = {};
  for (const name in schema.properties) {
    if (!Object.hasOwn(value, name)) continue;
    const given = value[name];
    if (!fits(schema.properties[name]!, given)) return undefined;
    members[name] = given;
  }
  return schema.required.every((name) => Object.hasOwn(members, name)) ? members : undefined;
}

function fits(schema: MemberSchema, value: unknown): boolean {
  if ('enum' in schema) return (schema.enum as readonly unknown[]).includes(value);
  if (!('type' in schema)) return true;
  if (schema.type === 'object') return isObject(value);
  if (schema.type === 'boolean') return typeof value === 'boolean';
  return (
    typeof value === 'string' &&
    value.length >= schema.minLength &&
    value.length <= schema.maxLength &&
    !value.includes('\0') &&
    value.isWellFormed()
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
