// docs/reference/openapi.json is valid OpenAPI 3.1, and says what a site answers: requests are made from it, well-formed and not,
// and every answer has a status, a media type and a body that the document names for its operation.
import { readFileSync } from 'node:fs';
import { memoryStore, routes } from '@latchkey/core';
import { type Agent, openSite, type Reply } from '@latchkey/testing';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mounts } from '../http/mounts.ts';

interface MemberSchema {
  readonly enum?: readonly unknown[];
  readonly type?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
}

interface Operation {
  readonly parameters?: readonly { readonly schema: { readonly enum?: readonly string[] } }[];
  readonly requestBody?: {
    readonly content: {
      readonly 'application/json': {
        readonly schema: {
          readonly required: readonly string[];
          readonly properties: Readonly<Record<string, MemberSchema>>;
        };
      };
    };
  };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, object>> }>>;
}

const document: { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> } = JSON.parse(
  readFileSync(new URL('../../docs/reference/openapi.json', import.meta.url), 'utf8'),
);
const ajv = new Ajv2020({ strict: false }).addSchema(document, 'openapi');

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    method: method.toUpperCase(),
    path,
    verb: method,
    operation,
  })),
);

/** A value that a member takes, and values that it does not. */
function samples({ enum: values, type, minLength = 0, maxLength = 0 }: MemberSchema): [unknown, unknown[]] {
  if (values) return [values[0], ['something else', null]];
  if (type === 'string') return ['x'.repeat(minLength), ['', 'x'.repeat(maxLength + 1), 1, null]];
  if (type === 'boolean') return [true, ['true', 1, null]];
  if (type === 'object') return [{}, [[], 'x', null]];
  return [{}, []];
}

/** Bodies that the document takes, and bodies that it does not. */
function bodiesFor({ requestBody }: Operation): { right: object[]; wrong: unknown[] } {
  if (!requestBody) return { right: [], wrong: [] };
  const { required, properties } = requestBody.content['application/json'].schema;
  const members = Object.entries(properties);
  const least = Object.fromEntries(required.map((name) => [name, samples(properties[name]!)[0]]));
  return {
    right: [least, ...members.map(([name, schema]) => ({ ...least, [name]: samples(schema)[0] }))],
    wrong: [
      ...[[], null, 1],
      ...required.map((name) => ({ ...least, [name]: undefined })),
      ...members.flatMap(([name, schema]) => samples(schema)[1].map((value) => ({ ...least, [name]: value }))),
    ],
  };
}

/** Any body, nearly right: members of the document or others, with values that it takes or does not. */
function bodyNear({ requestBody }: Operation): fc.Arbitrary<unknown> {
  const { required, properties } = requestBody!.content['application/json'].schema;
  const valueFor = (schema: MemberSchema) => {
    const [right, wrong] = samples(schema);
    const text = fc.string({
      minLength: schema.minLength ?? 0,
      maxLength: schema.maxLength ?? 8,
      unit: 'grapheme-ascii',
    });
    const taken = schema.enum ? fc.constantFrom(...schema.enum) : schema.type === 'string' ? text : fc.constant(right);
    return fc.oneof(
      { weight: 9, arbitrary: taken },
      { weight: 1, arbitrary: fc.constantFrom(...wrong, undefined, {}) },
    );
  };
  const members: Record<string, fc.Arbitrary<unknown>> = { other: fc.json() };
  for (const [name, schema] of Object.entries(properties)) members[name] = valueFor(schema);
  return fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record(members, { requiredKeys: [...required] }),
    },
    { weight: 1, arbitrary: fc.constantFrom<unknown>([], null, 1, 'x', {}) },
  );
}

/** An id that the document names, or any. */
const idOf = ({ parameters }: Operation) => parameters?.[0]?.schema.enum?.[0] ?? 'some-id';

/** Fails unless the document has this answer for this operation. */
function expectDocumented({ verb, path, operation }: (typeof operations)[number], reply: Reply): void {
  const said = operation.responses[reply.status];
  expect(Object.keys(operation.responses), reply.text).toContain(String(reply.status));
  const type = reply.headers.get('content-type')?.split(';')[0];
  expect(Object.keys(said?.content ?? {})).toEqual(type === undefined ? [] : [type]);
  if (type === undefined) return;
  const pointer = ['paths', path, verb, 'responses', reply.status, 'content', type, 'schema']
    .map((part) => encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')))
    .join('/');
  const isAs = ajv.compile({ $ref: `openapi#/${pointer}` });
  isAs(reply.json ?? reply.text);
  expect(isAs.errors, reply.text).toBe(null);
}

it('is valid OpenAPI 3.1', async () => {
  expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true });
});

it('has an operation for each route, and none besides', () => {
  const named = operations.map(({ method, path }) => `${method} ${path.replace('{id}', ':id')}`);
  expect(named.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
});

describe('requests made from it', () => {
  it.each(operations)('are answered as it says: $method $path', async (asked) => {
    const { method, path, operation } = asked;
    const site = await openSite({ mount: mounts['Express 5'], store: memoryStore });
    try {
      const stranger = site.agent();
      const ada = site.agent();
      await ada.signUp('ada');
      const { right, wrong } = bodiesFor(operation);
      const seen = new Set<number>();
      const ask = async (agent: Agent, ...more: [body?: unknown, change?: Parameters<Agent['request']>[3]]) => {
        const reply = await agent.request(method, `/passkeys${path.replace('{id}', idOf(operation))}`, ...more);
        expectDocumented(asked, reply);
        seen.add(reply.status);
        return reply.status;
      };
      for (const agent of [stranger, ada]) {
        for (const body of wrong) expect(await ask(agent, undefined, { rawBody: JSON.stringify(body) })).toBe(400);
        for (const body of right.length > 0 ? right : [undefined]) await ask(agent, body);
      }
      // A sign-out may be among them.
      await ada.signUp('grace');
      await ask(ada, right[0], { headers: { origin: 'https://evil.example' } });
      if (method !== 'GET') {
        expect(await ask(ada, { pad: 'x'.repeat(65_536) })).toBe(413);
        expect(await ask(ada, {}, { headers: { 'content-type': 'text/plain' } })).toBe(415);
      }
      if ('403' in operation.responses) expect([...seen]).toContain(403);
      if (method === 'GET') expect([...seen]).toContain(200);
    } finally {
      await site.close();
    }
  });

  /** What else is in a credential, the ceremony judges. */
  const judgedByShape = operations.filter(
    ({ operation }) =>
      operation.requestBody && !('credential' in operation.requestBody.content['application/json'].schema.properties),
  );

  it.each(judgedByShape)(
    'are malformed where it says so, and only there: $method $path',
    async ({ method, path, verb, operation }) => {
      const pointer = `paths/${path.replaceAll('/', '~1')}/${verb}/requestBody/content/application~1json/schema`;
      const isTaken = ajv.compile({ $ref: `openapi#/${pointer.replaceAll('{', '%7B').replaceAll('}', '%7D')}` });
      const site = await openSite({ mount: mounts['Express 5'], store: memoryStore });
      try {
        const ada = site.agent();
        await ada.signUp('ada');
        const seen = { taken: 0, refused: 0 };
        await fc.assert(
          fc.asyncProperty(bodyNear(operation), async (body) => {
            const rawBody = JSON.stringify(body);
            const taken = isTaken(JSON.parse(rawBody));
            seen[taken ? 'taken' : 'refused'] += 1;
            const to = `/passkeys${path.replace('{id}', crypto.randomUUID())}`;
            const { status, json, text } = await ada.request(method, to, undefined, { rawBody });
            const isMalformed = status === 400 && (json as { code?: string }).code === 'malformed_request';
            expect(isMalformed, `${rawBody} was answered ${text}`).toBe(!taken);
          }),
          // So many that some are taken where few of them are: of an outcome's bodies one in twenty.
          { numRuns: 240, examples: [[null], [[]], [1]] },
        );
        expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(1);
      } finally {
        await site.close();
      }
    },
  );
});
