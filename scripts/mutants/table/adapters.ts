/** Mutants of the adapters: what a framework is told, and what it is not; and the console's guard. */
import type { Mutant } from '../mutate.ts';

const CONTRACT = ['tests/http/contract.test.ts'];
const IDIOMS = ['tests/http/idioms.test.ts'];
const FETCH = ['tests/http/fetch.test.ts'];
const LATE = ['tests/http/findings/late-answers.test.ts'];
const CONSOLE = ['tests/console/console.test.ts'];
const ADDRESSES = ['tests/http/findings/addresses.test.ts'];

const of =
  (adapter: string) =>
  (tests: readonly string[], find: string, replace: string, named?: string): Mutant => ({
    file: `packages/${adapter}/src/index.ts`,
    find,
    replace,
    tests,
    ...(named !== undefined && { named }),
  });

const express = of('express');
const koa = of('koa');
const fastify = of('fastify');
const fetch = of('fetch');
const console = of('console');

export const ADAPTER_MUTANTS: readonly Mutant[] = [
  // --- Express ---
  express(
    CONTRACT,
    "if ('response' in guarded) return send(res, guarded.response);",
    "if ('response' in guarded) return next();",
    'Express 5 > guards the application’s own routes',
  ),
  express(
    CONTRACT,
    'for (const cookie of await passkeys.signOut(translate(req, res, req.path))) res.append(',
    'for (const cookie of (await passkeys.signOut(translate(req, res, req.path))).slice(1)) res.append(',
    'Express 5 > signs out',
  ),
  express(
    IDIOMS,
    "for (const cookie of cookies) res.append('set-cookie', cookie);",
    "for (const cookie of cookies) res.setHeader('set-cookie', cookie);",
    'the cookies that somebody set before us',
  ),
  express(LATE, "if (res.headersSent) return;\n      if ('response'", "if ('response'", 'Express 5'),
  express(
    IDIOMS,
    'req.body !== undefined && req.readableDidRead',
    'req.body !== undefined',
    'Express > 4 reads the body',
  ),
  express(IDIOMS, 'path === mount || path', 'path.startsWith(mount) || path', 'Express'),
  express(
    ADDRESSES,
    'address: req.ip ?? null,',
    "address: String(req.headers['x-forwarded-for'] ?? req.ip).split(',')[0]!,",
    'Express 5 > finding 8',
  ),
  // --- Koa ---
  koa(
    CONTRACT,
    "if ('response' in guarded) return send(ctx, guarded.response);",
    "if ('response' in guarded) return next();",
    'Koa 3 > guards the application’s own routes',
  ),
  koa(IDIOMS, 'await next();', 'void next();', 'Koa > answers behind a guard'),
  koa(CONTRACT, "for (const cookie of cookies) ctx.append('set-cookie', cookie);", '', 'Koa 3 > binds a browser once'),
  koa(LATE, "if (ctx.headerSent) return;\n      if ('response'", "if ('response'", 'Koa 3'),
  // --- Fastify ---
  fastify(
    CONTRACT,
    "if ('response' in guarded) return send(reply, guarded.response);",
    "if ('response' in guarded) return;",
    'Fastify 5 > guards the application’s own routes',
  ),
  fastify(['tests/http/findings/fastify.test.ts'], 'body instanceof Readable ? { stream: body } : ', '', 'finding 23'),
  fastify(
    CONTRACT,
    "if (cookies.length > 0) reply.header('set-cookie', [...cookies]);\n  //",
    '//',
    'Fastify 5 > binds a browser once',
  ),
  fastify(LATE, 'if (reply.sent) return reply;', '', 'Fastify 5'),
  fastify(
    CONTRACT,
    'scope.setValidatorCompiler(() => () => true);',
    '',
    'Fastify 5 > signs a new person up with a passkey, and in',
  ),
  // --- fetch ---
  fetch(
    FETCH,
    "return 'response' in guarded ? send(request, guarded.response) : guarded.session;",
    "return 'response' in guarded ? (null as never) : guarded.session;",
    'sends the cookies',
  ),
  fetch(FETCH, "for (const cookie of cookies) nativeResponse.append('set-cookie', cookie);", '', 'sends the cookies'),
  fetch(FETCH, "request.nativeResponse.append('set-cookie', cookie);", '{}', 'sends the cookies'),
  fetch(
    FETCH,
    'address = () => null }',
    "address = (native) => native.headers.get('x-forwarded-for') }",
    'is asked by the address',
  ),
  fetch(FETCH, 'path !== mount && !path', '!path.startsWith(mount) && !path', 'a path'),

  // --- The console ---
  console(CONSOLE, 'if (allowed !== true) return pages.refused();', '', 'the guard > that answers false'),
  console(CONSOLE, 'if (allowed !== true) return', 'if (!allowed) return', 'the guard > that answers yes'),
  console(
    CONSOLE,
    'await guard(request, info);',
    'await Promise.resolve(guard(request, info)).catch(() => true);',
    'the guard > that throws',
  ),
  console(CONSOLE, "if (typeof guard !== 'function')", 'if (guard === null)', 'the guard > has to be there'),
];
