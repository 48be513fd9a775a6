/**
 * The shapes of request bodies, as data: they are checked before anything else looks at a body, and an adapter can show them
 * to OpenAPI generators. Only named members are read, only own ones; everything else is ignored.
 */

import { isFitName } from '../names.ts';

/** The part of JSON Schema that our bodies need. */
export type MemberSchema =
  | { readonly type: 'string'; readonly minLength: number; readonly maxLength: number }
  | { readonly enum: readonly (string | boolean)[] }
  | { readonly type: 'boolean' }
  | { readonly type: 'object' }
  /** Anything at all: `client` is lenient. */
  | Record<string, never>;

/** A body: an object with these members. */
export interface BodySchema {
  /** It is an object, always. */
  readonly type: 'object';
  /** The members that must be there. */
  readonly required: readonly string[];
  /** What each member may be. Others are ignored. */
  readonly properties: Readonly<Record<string, MemberSchema>>;
}

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const;
const oneOf = <const T extends readonly (string | boolean)[]>(...values: T) => ({ enum: values }) as const;
const boolean = { type: 'boolean' } as const;
const object = { type: 'object' } as const;
const anything = {} as const;

const body = <const P extends Record<string, MemberSchema>, const R extends (keyof P & string)[] = []>(
  properties: P,
  ...required: R
) => ({ type: 'object', required, properties }) as const;

const authenticator = oneOf('this_device', 'phone', 'security_key');

/** The bodies of the HTTP contract, by route. */
export const BODIES = {
  signInOptions: body({
    mode: oneOf('immediate', 'conditional', 'modal'),
    identifier: text(256),
    authenticator,
    prefetch: boolean,
    client: anything,
  }),
  verification: body({ attemptId: text(64), credential: object, client: anything }, 'attemptId', 'credential'),
  outcome: body({ errorName: text(64), ended: oneOf('password'), begun: oneOf(true), client: anything }),
  registrationOptions: body({
    nickname: text(100),
    mediation: oneOf('conditional'),
    username: text(256),
    displayName: text(256),
    authenticator,
    invitation: text(64),
    offered: boolean,
  }),
  registration: body(
    { attemptId: text(64), credential: object, client: anything, invitation: text(64) },
    'attemptId',
    'credential',
  ),
  stepUpOptions: body({ action: text(64), client: anything }),
  passkeyChange: body({ nickname: text(100), enabled: boolean }),
  nothing: body({}),
} as const;

type MemberOf<S> = S extends { readonly enum: readonly (infer V)[] }
  ? V
  : S extends { readonly type: 'string' }
    ? string
    : S extends { readonly type: 'boolean' }
      ? boolean
      : S extends { readonly type: 'object' }
        ? object
        : unknown;

/** A body whose members passed their schema. */
export type BodyOf<S extends BodySchema> = {
  [M in keyof S['properties'] as M extends S['required'][number] ? M : never]: MemberOf<S['properties'][M]>;
} & {
  [M in keyof S['properties'] as M extends S['required'][number] ? never : M]?: MemberOf<S['properties'][M]>;
};

/** Members that are names: other people read them. */
const NAMES: readonly string[] = ['username', 'displayName', 'nickname'];

/**
 * The named members of a well-formed body, or undefined. Strings are well-formed Unicode without NUL, which SQL text cannot hold,
 * and names without what acts unseen on the text around.
 */
export function readBody<S extends BodySchema>(schema: S, value: unknown): BodyOf<S> | undefined {
  if (!isObject(value)) return undefined;
  const members: Record<string, unknown> = {};
  for (const name in schema.properties) {
    if (!Object.hasOwn(value, name)) continue;
    const given = value[name];
    if (!fits(schema.properties[name]!, given)) return undefined;
    if (NAMES.includes(name) && !isFitName(given as string)) return undefined;
    members[name] = given;
  }
  const isWhole = schema.required.every((name) => Object.hasOwn(members, name));
  return isWhole ? (members as BodyOf<S>) : undefined;
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
