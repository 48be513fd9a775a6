// The HTTP contract as an OpenAPI 3.1 document: paths and bodies from the routes themselves, problems from what can be refused,
// members of answers as ceremonies gave them. scripts/docs/reference.ts writes it.
import { codeOf, PROBLEMS, type ProblemCode, refuse, stageOf } from '../../packages/core/src/errors.ts';
import { OUTCOME, ROUTES, type Route } from '../../packages/core/src/http/routes.ts';
import { REASONS } from '../../packages/core/src/record/attempt.ts';
import { VERSION } from '../../packages/core/src/version.ts';

/** A success: its status, and the members of its body with whether they were there each time. */
interface Success {
  readonly status: number;
  readonly members: ReadonlyMap<string, boolean>;
}

/** What a route refuses besides what its kind does. */
const MORE: Record<string, readonly ProblemCode[]> = {
  'POST /authentication/options': ['mode_not_allowed'],
  'POST /authentication/verify': ['mode_not_allowed'],
  'POST /registration/options': ['step_up_required', 'policy_denied'],
  'POST /registration/verify': ['step_up_required', 'policy_denied'],
  'PATCH /credentials/:id': ['step_up_required', 'policy_denied'],
  'DELETE /credentials/:id': ['step_up_required', 'policy_denied', 'last_passkey'],
};

/** What a body needs besides its shape. */
const NEEDED: Record<string, object> = {
  'PATCH /credentials/:id': { anyOf: [{ required: ['nickname'] }, { required: ['enabled'] }] },
  [`POST ${OUTCOME}`]: { oneOf: [{ required: ['errorName'] }, { required: ['ended'] }, { required: ['begun'] }] },
};

/** What can stand for `:id`, where that is known beforehand. */
const IDS: Record<string, object> = {
  '/elements/:id': { enum: ['sign-in', 'de', 'es', 'fr', 'ja'].map((name) => `${name}.js`) },
};

/** Only a registration can end so. */
const OF_REGISTRATIONS: readonly ProblemCode[] = [
  'passkey_exists',
  'passkey_limit_reached',
  'username_unavailable',
  'invitation_invalid',
  'invitation_other_browser',
];

/** The codes of a ceremony's reasons, as far as they can come at this step. */
function codesOfReasons([purpose, step]: NonNullable<Route['ceremony']>): ProblemCode[] {
  return REASONS.filter((reason) => step === 'verify' || !['challenge', 'assertion'].includes(stageOf(reason) ?? ''))
    .map((reason) => codeOf(refuse(reason), purpose))
    .filter((code) => purpose === 'registration' || !OF_REGISTRATIONS.includes(code));
}

/** Every code that a route can answer. */
function codesOf({ method, path, needs, ceremony, script }: Route): ProblemCode[] {
  const asksStore = needs !== 'nobody' || ceremony !== undefined || path === OUTCOME || path === '/session';
  const codes: ProblemCode[] = [
    // The last where `rp` knows no relying party for the request.
    ...(['internal_error', 'not_found'] as const),
    ...(script ? [] : (['origin_not_allowed'] as const)),
    ...(method === 'GET'
      ? []
      : (['malformed_request', 'content_too_large', 'unsupported_media_type', 'rate_limited'] as const)),
    ...(asksStore ? (['store_unavailable', 'audit_unavailable'] as const) : []),
    ...(needs === 'nobody' && ceremony?.[0] !== 'registration' ? [] : (['sign_in_required'] as const)),
    ...(ceremony ? codesOfReasons(ceremony) : []),
    ...(MORE[`${method} ${path}`] ?? []),
  ];
  return Object.keys(PROBLEMS).filter((code): code is ProblemCode => codes.includes(code as ProblemCode));
}

function problems(route: Route) {
  const byStatus = Map.groupBy(codesOf(route), (code) => PROBLEMS[code][0]);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      String(status),
      {
        description: codes.map((code) => `${code}: ${PROBLEMS[code][1]}.`).join(' '),
        content: {
          'application/problem+json': {
            schema: { allOf: [{ $ref: '#/components/schemas/Problem' }], properties: { code: { enum: codes } } },
          },
        },
        ...(codes.includes('rate_limited') && {
          headers: { 'Retry-After': { description: 'In how many seconds to try again.', schema: { type: 'integer' } } },
        }),
      },
    ]),
  );
}

function success(route: Route, { status, members }: Success) {
  const names = [...members.keys()];
  const module = { 'text/javascript': { schema: { type: 'string' } } };
  const json = {
    'application/json': {
      schema: {
        type: 'object',
        required: names.filter((name) => members.get(name)),
        properties: Object.fromEntries(names.map((name) => [name, {}])),
      },
    },
  };
  return {
    [String(status)]: {
      description: 'Done.',
      ...(status !== 204 && { content: route.script ? module : json }),
    },
    ...(route.script && { '304': { description: 'The browser has it already.' } }),
  };
}

const SECURITY: Record<Route['needs'], readonly object[]> = {
  nobody: [],
  // Or whatever users.identify reads.
  person: [{ session: [] }, {}],
  session: [{ session: [] }],
};

function operation(route: Route, purpose: string, answer: Success) {
  const { method, path, needs, body } = route;
  return {
    operationId: `${method.toLowerCase()}${path.replace(/\W+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    description: purpose,
    security: SECURITY[needs],
    ...(path.includes(':id') && {
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string', ...IDS[path] } }],
    }),
    ...(body && {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { ...body, ...NEEDED[`${method} ${path}`] } } },
      },
    }),
    responses: { ...success(route, answer), ...problems(route) },
  };
}

/** The document. Both maps are by `METHOD /path`. */
export function openapi({
  purposes,
  answers,
}: {
  purposes: Readonly<Record<string, string>>;
  answers: ReadonlyMap<string, Success>;
}) {
  const byPath = Map.groupBy(ROUTES, ({ path }) => path.replace(':id', '{id}'));
  return {
    openapi: '3.1.1',
    info: {
      title: 'Latchkey',
      version: VERSION,
      license: { name: 'MIT', identifier: 'MIT' },
      description:
        'Passkey sign-in, below the mount prefix. Bodies are JSON objects of at most 64 KiB; members that are not named are ignored. Texts are well-formed Unicode without NUL, and as long as JavaScript says; names (`username`, `displayName`, `nickname`) have no control or format characters but joiners in their place.',
    },
    servers: [{ url: '/passkeys', description: 'The default prefix.' }],
    paths: Object.fromEntries(
      [...byPath].map(([path, routes]) => [
        path,
        Object.fromEntries(
          routes.map((route) => {
            const name = `${route.method} ${route.path}`;
            const [purpose, answer] = [purposes[name], answers.get(name)];
            if (purpose === undefined || answer === undefined) throw new Error(`Nothing is known of ${name}.`);
            return [route.method.toLowerCase(), operation(route, purpose, answer)];
          }),
        ),
      ]),
    ),
    components: {
      schemas: {
        Problem: {
          type: 'object',
          description: 'RFC 9457.',
          required: ['type', 'title', 'status', 'code'],
          properties: {
            type: { const: 'about:blank' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { enum: Object.keys(PROBLEMS) },
            attemptId: { type: 'string', description: 'Where the refusal left a record: its attempt.' },
          },
        },
      },
      securitySchemes: {
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-latchkey-session',
          description: 'On http://localhost: latchkey-session.',
        },
      },
    },
  };
}
