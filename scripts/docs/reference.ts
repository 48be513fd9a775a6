// The reference pages, made from the code: lists and tables from the values themselves, options and fields from their
// docstrings, spans, metrics and answers from ceremonies that are lived through here with a software passkey and the
// OpenTelemetry SDK. `npm run reference` writes docs/reference, and from the whole documentation what programs read; with --check
// it only says which file is out of date.
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-with-api';
import { codeOf, outcomeOf, refuse, stageOf } from '../../packages/core/src/errors.ts';
import { ROUTES } from '../../packages/core/src/http/routes.ts';
import * as core from '../../packages/core/src/index.ts';
import {
  AUDIT_RESULTS,
  CHALLENGE_RESULTS,
  OFFER_RESULTS,
  SESSION_RESULTS,
} from '../../packages/core/src/signals/telemetry.ts';
import type { Result } from '../../tests/runtimes/finding.ts';
import { forPrograms } from './for-programs.ts';
import { openapi } from './openapi.ts';
import { live } from './reference-ceremonies.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'docs/reference');

// --- Markdown ---

function table(head: readonly string[], rows: readonly (readonly string[])[]) {
  const line = (row: readonly string[]) =>
    `| ${row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const code = (text: string) => `\`${text}\``;

function page(title: string, source: string, ...parts: readonly string[]) {
  const made = `<!-- Made by scripts/docs/reference.ts from ${source}. Change that, then: npm run reference -->`;
  return `${[made, `# ${title}`, ...parts].join('\n\n')}\n`;
}

// --- docstrings ---

/** As much of JSON Schema as the record and the bodies use. */
interface Schema {
  readonly const?: string;
  readonly enum?: readonly (string | boolean)[];
  readonly anyOf?: readonly Schema[];
  readonly type?: string;
  readonly items?: Schema;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Member {
  readonly name: string;
  readonly optional: boolean;
  readonly isMethod: boolean;
  readonly doc: string;
  readonly members: readonly Member[];
}

/** The members of an interface, or of an object that is a constant, in the order of the source, with their docstrings. */
function membersOf(file: string, name: string): Member[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  for (const statement of source.statements) {
    if (ts.isInterfaceDeclaration(statement) && statement.name.text === name) return statement.members.flatMap(member);
    for (const { name: own, initializer } of ts.isVariableStatement(statement)
      ? statement.declarationList.declarations
      : []) {
      if (own.getText() === name && initializer) return literalOf(initializer).properties.flatMap(member);
    }
  }
  throw new Error(`${file} has no interface or constant ${name}.`);
}

/** The object behind `as const` and `satisfies`. */
function literalOf(expression: ts.Expression): ts.ObjectLiteralExpression {
  if (ts.isAsExpression(expression) || ts.isSatisfiesExpression(expression)) return literalOf(expression.expression);
  if (ts.isObjectLiteralExpression(expression)) return expression;
  throw new Error(`${expression.getText()} is no object.`);
}

function member(node: ts.TypeElement | ts.ObjectLiteralElementLike): Member[] {
  if (node.name === undefined) return [];
  const inside = ts.isPropertySignature(node) ? node.type : undefined;
  return [
    {
      name: node.name.getText(),
      optional: 'questionToken' in node && node.questionToken !== undefined,
      isMethod: ts.isMethodSignature(node),
      doc: docOf(node),
      members: inside && ts.isTypeLiteralNode(inside) ? inside.members.flatMap(member) : [],
    },
  ];
}

function docOf(node: ts.Node): string {
  const [{ comment } = { comment: undefined }] = ts.getJSDocCommentsAndTags(node);
  return (ts.getTextOfJSDocComment(comment) ?? '')
    .replace(/\{@link ([\w.]+)\}/g, '`$1`')
    .replace(/\s*\n\s*/g, ' ')
    .trim();
}

/** What a docstring says, without what it says of the default, and the default. */
function splitDefault(doc: string) {
  const [sentence, value] = /\bDefault:? ((?:`[^`]*`|[^.`])+)\.(?= |$)/.exec(doc) ?? [];
  if (sentence === undefined || value === undefined) return { text: doc, value: '' };
  // What follows a colon says what the default means, and stays.
  const [, short, rest] = /^(`[^`]*`): (.*)$/.exec(value) ?? [];
  if (short !== undefined) return { text: doc.replace(sentence, `${short}: ${rest}.`), value: short };
  return { text: doc.replace(sentence, '').replace(/ {2,}/g, ' ').trim(), value };
}

// --- pages ---

function errors() {
  const rows = Object.entries(core.PROBLEMS).map(([name, [status, title]]) => [
    String(status),
    code(name),
    title,
    reasonsOf(name),
  ]);
  return page(
    'Errors',
    'packages/core/src/errors.ts',
    'Every answer that is an error is `application/problem+json` with one of these codes. The codes are the contract; titles are for people.',
    '```json\n{ "type": "about:blank", "title": "The passkey was not accepted", "status": 401, "code": "authentication_failed", "attemptId": "019…" }\n```',
    '`attemptId` is there when the refusal left a record: look for it in your logs, where the [reason](reasons.md) says what the answer does not.',
    table(['status', 'code', 'title', 'reasons in the record'], rows),
    'A wrong option is no answer but a `ConfigurationError` at construction: `code` is `config_invalid`, and its message says which option, what it got and what to write instead.',
  );
}

/** Where a refusal says its code itself: the reason alone does not tell. */
const SAID_WHERE_REFUSED: Record<string, readonly core.Reason[]> = {
  mode_not_allowed: ['immediate_not_requested', 'policy_denied'],
  content_too_large: ['malformed_request'],
  unsupported_media_type: ['malformed_request'],
};

function reasonsOf(wanted: string) {
  const purposes: readonly ('sign_in' | 'registration')[] = ['sign_in', 'registration'];
  const named =
    SAID_WHERE_REFUSED[wanted] ??
    core.REASONS.filter((reason) => purposes.some((purpose) => codeOf(refuse(reason), purpose) === wanted));
  if (wanted === 'internal_error') return 'every fault of the server that has no code of its own';
  if (named.length === 0) return 'none: this is no attempt';
  return named.map((reason) => `[${reason}](reasons.md#${reason})`).join(', ');
}

function reasons() {
  const parts = core.REASONS.map((reason) => {
    const { meaning, advice } = core.REASON_MEANINGS[reason];
    const answers = [...new Set([codeOf(refuse(reason), 'sign_in'), codeOf(refuse(reason), 'registration')])];
    const said = reason.startsWith('client_') && stageOf(reason) === undefined;
    const answered = said
      ? 'Said by the page: outcome `cancelled`, no error is answered.'
      : reason === 'no_response'
        ? 'Outcome `abandoned`: nobody asked again, so nothing is answered.'
        : `Outcome \`${outcomeOf(reason)}\`. Answered: ${answers.map(code).join(', at a registration ')}.`;
    return `## ${reason}\n\n${meaning} ${answered}\n\n**What to do:** ${advice}`;
  });
  return page(
    'Reasons',
    'packages/core/src/record/reasons.ts',
    'Why an attempt did not succeed: `reason` in its record, `latchkey.reason` on metrics, `error.type` on spans. The list is closed in each version; a minor version may add a reason, and who reads records takes one that it does not know for what `outcome` says. The same sentences are `REASON_MEANINGS` of `@latchkey/core`, and `explain(record)` uses them.',
    ...parts,
  );
}

function record() {
  const docs = new Map();
  const visit = (list: readonly Member[], prefix: string) => {
    for (const member of list) {
      docs.set(prefix + member.name, member.doc);
      visit(member.members, `${prefix}${member.name}.`);
    }
  };
  visit(membersOf('packages/core/src/record/attempt.ts', 'AttemptRecord'), '');
  const rows: string[][] = [];
  const walk = (schema: Schema, prefix: string) => {
    for (const [name, member] of Object.entries(schema.properties ?? {})) {
      const path = prefix + name;
      const optional = schema.required?.includes(name) ? '' : ' (may be missing)';
      const inner = member.properties ? member : member.anyOf?.find((one) => one.properties);
      const doc = docs.get(path) ?? '';
      if (inner === undefined || doc !== '') rows.push([code(path), inner ? '' : valuesOf(member) + optional, doc]);
      if (inner) walk(inner, `${path}.`);
    }
  };
  walk(core.ATTEMPT_SCHEMA, '');
  return page(
    'The record of an attempt',
    'packages/core/src/record/attempt.ts and attempt-schema.ts',
    'One frozen object, and one line of JSON, for every attempt that ends. Published as JSON Schema in `@latchkey/core/attempt.schema.json`, which also states what a record can never say; as a type it is `AttemptRecord`. What it means that a sign-in is `enforced`: [policy](../policy.md).',
    table(['field', 'values', 'meaning'], rows),
    'Names of records (`event.name`):',
    core.EVENT_NAMES.map((name) => `- \`${name}\``).join('\n'),
  );
}

function valuesOf(schema: Schema): string {
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map((value) => code(String(value))).join(', ');
  if (schema.anyOf) return schema.anyOf.map(valuesOf).join(' or ');
  if (schema.type === 'array' && schema.items) return `list of ${valuesOf(schema.items)}`;
  if (schema.format === 'uuid') return 'UUID';
  if (schema.format === 'date-time') return 'instant, ISO 8601 in UTC';
  if (schema.pattern?.startsWith('^hmac')) return `pseudonym, ${code('hmac-sha256:KEY:…')}`;
  return schema.type === 'null' ? code('null') : schema.type === 'string' ? 'text' : (schema.type ?? 'anything');
}

function options() {
  const section = (heading: string, list: readonly Member[], prefix: string) => {
    const rows = list.flatMap((member) => {
      const { text, value } = splitDefault(member.doc);
      const name = code(`${prefix}${member.name}${member.isMethod ? '()' : ''}`);
      const own = [name, member.optional ? value || '' : 'required', text];
      return [
        ...(member.members.length > 0 && text === '' ? [] : [own]),
        ...member.members.map((inner) => {
          const split = splitDefault(inner.doc);
          return [code(`${prefix}${member.name}.${inner.name}`), inner.optional ? split.value : 'required', split.text];
        }),
      ];
    });
    return `## ${heading}\n\n${table(['option', 'default', 'what it says'], rows)}`;
  };
  const config = 'packages/core/src/options.ts';
  return page(
    'Options',
    `${config} and ceremony/session.ts`,
    "`createPasskeys(options)` checks them all at once and throws a `ConfigurationError` that says which one is wrong, what it got, and what to write instead. A duration is `'90s'`, `'2m'`, `'1h'` or milliseconds.",
    section('createPasskeys', membersOf(config, 'PasskeysOptions'), ''),
    section('rp', membersOf(config, 'RelyingParty'), 'rp.'),
    section('users', membersOf(config, 'Users'), 'users.'),
    section('policy', membersOf(config, 'PolicyOptions'), 'policy.'),
    section('policy.attestation', membersOf(config, 'AttestationOptions'), 'policy.attestation.'),
    section('policy.offers', membersOf(config, 'OfferOptions'), 'policy.offers.'),
    section('sessions', membersOf(config, 'SessionOptions'), 'sessions.'),
    section('rateLimit', membersOf(config, 'RateLimitOptions'), 'rateLimit.'),
    section('A sink', membersOf(config, 'Sink'), ''),
    '## Guards',
    '`requireSignIn(rule?)` and `requireStepUp(rule)` of every adapter. Both take `redirectTo` as well: where a page sends people who do not pass, instead of problem+json.',
    table(
      ['guard', 'member', 'default', 'what it says'],
      [
        ['requireSignIn', 'SignInRule'],
        ['requireStepUp', 'StepUpRule'],
      ].flatMap(([guard = '', rule = '']) =>
        membersOf('packages/core/src/ceremony/session.ts', rule).map(({ name, optional, doc }) => [
          code(guard),
          code(name),
          optional ? '' : 'required',
          doc,
        ]),
      ),
    ),
  );
}

function limits() {
  const docs = new Map(membersOf('packages/core/src/options.ts', 'LIMITS').map(({ name, doc }) => [name, doc]));
  return page(
    'Rate limits',
    'packages/core/src/options.ts',
    'At most so many requests for each key; more is 429 `rate_limited` with `Retry-After`. To change them: [limits](../limits.md#other-numbers).',
    table(
      ['limit', 'requests', 'in seconds', 'what is counted'],
      Object.entries(core.LIMITS).map(([name, { points, seconds }]) => [
        code(name),
        points.toLocaleString('en'),
        String(seconds),
        docs.get(name) ?? '',
      ]),
    ),
  );
}

/** What each route is for: the one thing its code does not say in a sentence. */
const PURPOSES: Record<string, string> = {
  'POST /authentication/options':
    'Opens a sign-in: a challenge, and what to ask the browser. `prefetch` for a page that prepares before anybody clicked.',
  'POST /authentication/verify':
    'Ends a sign-in: verifies the answer, judges it by policy, and makes a session (or what `onSignIn` returns).',
  'POST /attempts/:id/outcome':
    'Says that an attempt ended in the page (`errorName` of the DOMException, or `ended`), or that a prefetched one is being used (`begun`). Always 204 when well-formed.',
  'POST /registration/options':
    'Opens a registration: for who is signed in, for whom `invitation` invites, or, where `users.create` allows sign-up, for a new account `username`.',
  'POST /registration/verify': 'Ends a registration. After a sign-up there is a session, too.',
  'POST /offer':
    'Whether to offer a first passkey after a password sign-in: `silent` (try `mediation: "conditional"` first), `ask`, or `none`.',
  'DELETE /offer': 'Says "not now" to it: the answer is `none` for `policy.offers.again`.',
  'POST /step-up/options': 'Opens a confirmation by who is signed in, with their own passkeys. `action`: what for.',
  'POST /step-up/verify': 'Ends a step-up: `requireStepUp` for this action passes from now on.',
  'GET /credentials': "The signed-in person's passkeys, oldest first.",
  'PATCH /credentials/:id': 'Renames, enables or disables one. To enable or disable needs a recent sign-in.',
  'DELETE /credentials/:id':
    'Removes one, with the sessions it made. Needs a recent sign-in. The last one stays unless `users.hasOtherWayIn`.',
  'GET /signals': "What to tell password managers: each member is an argument of the browser's Signal API.",
  'GET /sessions': 'Where the person is signed in, newest first.',
  'DELETE /sessions/:id': 'Ends one of the own sessions.',
  'DELETE /sessions': 'Ends all of the own sessions but this one.',
  'GET /activity':
    "The person's own last sign-ins, at most 20, newest first: those that a passkey of theirs proved, from `store.attempts`. 404 `not_found` where no records are kept.",
  'GET /session': 'Who is signed in, or 401.',
  'DELETE /session': 'Signs out.',
  'GET /client.js': 'The browser client, as one ES module. May be cached.',
  'GET /elements.js': 'The elements, as one ES module that loads `client.js` beside it. May be cached.',
  'GET /elements/:id':
    '`sign-in.js`: the sign-in element alone, in English. `de.js`, `es.js`, `fr.js`, `ja.js`: a language each. May be cached.',
};

/** Whom each route wants to be there. Others get 401 `sign_in_required`. */
const NEEDS: Record<(typeof ROUTES)[number]['needs'], string> = {
  nobody: 'Anybody may ask.',
  person: 'For people who are signed in, also those whom only `users.identify` names.',
  session: 'For people with a session of ours.',
};

function http({ answers }: Awaited<ReturnType<typeof live>>) {
  const sections = ROUTES.map(({ method, path, needs, body }) => {
    const name = `${method} ${path}`;
    const answer = answers.get(name);
    const purpose = PURPOSES[name];
    if (purpose === undefined || answer === undefined)
      throw new Error(`scripts/docs/reference.ts does not know ${name}.`);
    const rows = Object.entries(body?.properties ?? {}).map(([member, schema]) => [
      code(member),
      body?.required.includes(member) ? 'required' : '',
      bodyValues(schema),
    ]);
    const members = [...answer.members].map(([member, always]) => (always ? member : `${member}?`));
    const given = members.length > 0 ? ` ${code(`{ ${members.join(', ')} }`)}` : '';
    return [
      `## ${name}`,
      `${purpose} ${NEEDS[needs]}`,
      ...(rows.length > 0 ? [table(['member of the body', '', 'values'], rows)] : []),
      `Answers ${answer.status}${given}.`,
    ].join('\n\n');
  });
  return page(
    'HTTP',
    'packages/core/src/http/routes.ts and shape.ts, with answers as given by them',
    'Every route below the mount prefix (`/passkeys`), also as [OpenAPI 3.1](openapi.json). `@latchkey/browser` speaks all of this for you. Bodies are JSON objects of at most 64 KiB with `Content-Type: application/json`; members that are not named here are ignored. Errors: [errors](errors.md).',
    '`client` is what the page reports: `{ uiMode: "immediate" | "none", immediateGet: boolean }`. It may be anything, is recorded as a claim, and never decides more than policy says.',
    ...sections,
    '## GET /.well-known/webauthn',
    'At the root, where there are `rp.relatedOrigins`: `{ origins: […] }`. See [other domains](../other-domains.md).',
    '## GET /.well-known/assetlinks.json, /.well-known/apple-app-site-association',
    'At the root, each where `rp.apps` lists an application of that platform. See [native apps](../native-apps.md).',
    '## GET /.well-known/passkey-endpoints',
    'At the root: what `passkeyEndpoints` says, `{}` by default.',
  );
}

function bodyValues(schema: Schema) {
  if (schema.enum) return schema.enum.map((value: unknown) => code(JSON.stringify(value))).join(', ');
  if (schema.type === 'string') return `text of ${schema.minLength} to ${schema.maxLength} characters`;
  return schema.type ?? 'anything';
}

const ATTEMPT_LABELS = [
  'latchkey.outcome',
  'latchkey.reason',
  'latchkey.attempt.mode',
  'latchkey.immediate.policy',
  'latchkey.immediate.enforcement',
];

const listed = (values: readonly string[]) => values.map(code).join(', ');
const FLAG = listed(['true', 'false']);
const CHANGES = 'latchkey.passkey.';
const INVITATIONS = 'latchkey.invitation.';

/** The attributes of metrics, with the lists that their values are of. */
const VALUES: Readonly<Record<string, string>> = {
  'latchkey.outcome': listed(core.OUTCOMES),
  'latchkey.reason': 'one of [the reasons](reasons.md); not there for a success',
  'latchkey.attempt.mode': `${listed(core.MODES)}; not there where nothing was asked`,
  'latchkey.immediate.policy': listed(core.IMMEDIATE_MEDIATION),
  'latchkey.immediate.enforcement': listed(core.ENFORCEMENTS),
  'latchkey.challenge.result': listed(CHALLENGE_RESULTS),
  'latchkey.assertion.user_verified': FLAG,
  'latchkey.assertion.backed_up': FLAG,
  'latchkey.assertion.backup_eligible_changed': FLAG,
  'latchkey.assertion.sign_count': listed(core.SIGN_COUNTS),
  'latchkey.passkey.change': listed(
    core.EVENT_NAMES.filter((name) => name.startsWith(CHANGES)).map((name) => name.slice(CHANGES.length)),
  ),
  'latchkey.invitation.change': listed(
    core.EVENT_NAMES.filter((name) => name.startsWith(INVITATIONS)).map((name) => name.slice(INVITATIONS.length)),
  ),
  'latchkey.attempt.occasion': `${listed(core.OCCASIONS)}; only where a person added the passkey`,
  'latchkey.passkey.provider':
    'the names that `providerName()` knows, `other`, and `unknown` where the passkey names no model; nothing proves it',
  'latchkey.offer.result': listed(OFFER_RESULTS),
  'latchkey.change.by': listed(core.SESSION_ENDERS),
  'latchkey.session.ended_because': listed(core.SESSION_ENDINGS),
  'latchkey.session.result': listed(SESSION_RESULTS),
  'latchkey.audit.sink': 'the names of your sinks; `attempt_store` for `store.attempts`',
  'latchkey.audit.result': listed(AUDIT_RESULTS),
};

function telemetry({ metrics, spans, events }: Awaited<ReturnType<typeof live>>) {
  for (const [metric, { attributes }] of metrics) {
    const unknown = [...attributes].find((name) => VALUES[name] === undefined);
    if (unknown !== undefined) throw new Error(`scripts/docs/reference.ts does not know ${unknown} of ${metric}.`);
  }
  const list = (names: Iterable<string>) => [...names].sort().map(code).join(', ');
  return page(
    'Telemetry',
    'packages/core/src/signals/telemetry.ts, as seen by the OpenTelemetry SDK, and from the closed lists of the record',
    'What Latchkey gives to the OpenTelemetry SDK that your application has set up. How to set one up: [OpenTelemetry](../opentelemetry.md). The scope of all of it is `@latchkey/core`.',
    '## Metrics',
    table(
      ['name', 'kind', 'unit', 'what it says', 'attributes'],
      [...metrics]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { kind, unit, description, attributes }]) => [
          code(name),
          kind,
          code(unit),
          description,
          list(name.endsWith('.attempts') ? ATTEMPT_LABELS : attributes),
        ]),
    ),
    'The values of these attributes are closed lists. Prometheus calls an attribute by its name with underscores.',
    table(
      ['attribute', 'values'],
      Object.entries(VALUES).map(([name, values]) => [code(name), values]),
    ),
    '## Spans',
    'All of kind INTERNAL. A verify span has a link to the span that issued its challenge. The status is ERROR, with `error.type`, for the outcomes failure and error, else unset. What stands below another is a step: it has a span only where it failed or took 5 ms or longer.',
    table(
      ['name', 'below', 'attributes'],
      [...spans]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, { parents, attributes }]) => [code(name), list(parents), list(attributes)]),
    ),
    '## Log events',
    table(
      ['name', 'severity'],
      core.EVENT_NAMES.map((name) => [
        code(name),
        name.endsWith('.attempt') ? core.SEVERITIES.map(code).join(', ') : code('INFO'),
      ]),
    ),
    '## Attributes',
    'A field of [the record](record.md) becomes `latchkey.` and its path in lower snake case; what is null is left out. Log events have all of these but `error.type`, which is on spans only. `latchkey.client.address` is the network: /24 of IPv4, /48 of IPv6.',
    attributesOf(spans, events)
      .map((name) => `- ${name}`)
      .join('\n'),
  );
}

function attributesOf(
  spans: Map<string, { attributes: Set<string> }>,
  events: Map<string, { attributes: Set<string> }>,
) {
  const union = (all: Iterable<{ attributes: Set<string> }>) =>
    new Set([...all].flatMap(({ attributes }) => [...attributes]));
  const onSpans = union(spans.values());
  const onEvents = union(events.values());
  return [...new Set([...onSpans, ...onEvents])].sort().map(code);
}

// --- where the contract was run ---

function runtimes() {
  const results: Result[] = JSON.parse(readFileSync(join(root, 'tests/runtimes/results.json'), 'utf8'));
  const rows = results.map(({ runtime, framework, store, passed, rules, same }) => [
    runtime,
    framework,
    store,
    `${passed} of ${rules}`,
    same ? 'yes' : 'no',
  ]);
  return page(
    'Runtimes, frameworks and stores',
    'tests/runtimes/results.json, which `npm run runtimes` writes',
    'How many rules of the HTTP contract of `@latchkey/testing` passed at the last run of `npm run runtimes`, with the built packages. _Same answers_: whether one long conversation was answered byte for byte as by the first line, but for what is random.',
    'PostgreSQL, MariaDB and Redis were servers beside it. `npm test` runs the contract on Node.js again: every framework with memory, and Express with every store. A store over HTTP, Cloudflare itself, Vercel and other hosts were not part of it.',
    table(['runtime', 'framework', 'store', 'rules passed', 'same answers'], rows),
  );
}

// --- to files ---

/** Every page by its name. */
export async function reference() {
  const lived = await live();
  return new Map([
    ['errors.md', errors()],
    ['http.md', http(lived)],
    ['openapi.json', `${JSON.stringify(openapi({ purposes: PURPOSES, answers: lived.answers }), null, 2)}\n`],
    ['limits.md', limits()],
    ['options.md', options()],
    ['reasons.md', reasons()],
    ['record.md', record()],
    ['runtimes.md', runtimes()],
    ['telemetry.md', telemetry(lived)],
  ]);
}

/** Writes what has changed, or with `--check` only says it. `there` are the files that there are now. */
function renew(base: string, files: ReadonlyMap<string, string>, there: readonly string[]) {
  const isOnlyAsked = process.argv.includes('--check');
  for (const name of new Set([...files.keys(), ...there])) {
    const path = join(base, name);
    const text = files.get(name);
    if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
    const shown = relative(root, path);
    if (isOnlyAsked) {
      console.error(`${shown} is out of date: npm run reference`);
      process.exitCode = 1;
      continue;
    }
    if (text === undefined) rmSync(path);
    else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    console.log(shown);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  renew(folder, await reference(), existsSync(folder) ? readdirSync(folder) : []);
  // After the pages, which are in some of these.
  renew(root, forPrograms(), globSync('skills/*/SKILL.md', { cwd: root }));
}
