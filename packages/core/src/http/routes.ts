/** The HTTP contract: every route, what its body may be, what it does, and who may ask. */

import type { SignedIn } from '../adapter.ts';
import { signInOptions, stepUpOptions, verifySignIn, verifyStepUp } from '../ceremony/authentication.ts';
import { hashBinding, takeReported } from '../ceremony/ceremony.ts';
import type { RequestContext } from '../ceremony/context.ts';
import { notify } from '../ceremony/notify.ts';
import { changePasskey, describePasskey, passkeysOf, removePasskey, signalsFor } from '../ceremony/passkeys.ts';
import { type Registrant, registrationOptions, verifyRegistration } from '../ceremony/registration.ts';
import { describe, identifiedUser } from '../ceremony/session.ts';
import { refuseUnrecorded } from '../errors.ts';
import type { PasskeyNotice, User } from '../options.ts';
import type { EventName, Purpose } from '../record/attempt.ts';
import { EVENT_OF, type Verdict } from '../record/draft.ts';
import { reasonOfErrorName } from '../record/enforcement.ts';
import { countChallenge } from '../signals/telemetry.ts';
import type { Answer } from './answer.ts';
import { bind } from './binding.ts';
import { clientModule } from './documents.ts';
import type { HttpServices } from './limits.ts';
import { BODIES, type Body, type BodySchema } from './shape.ts';

export const SUCCESS: Verdict = { outcome: 'success', reason: null, source: null };

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Segments; `:id` matches any one. */
  readonly path: string;
  readonly body?: BodySchema;
  /** A ceremony's route: what it is for, and which of its requests. Its refusals are attempts. */
  readonly ceremony?: readonly [Purpose, 'options' | 'verify'];
  /** The span of another route that leaves a record. */
  readonly span?: string;
  run(context: RequestContext, services: HttpServices, body: Body, id: string): Promise<Answer>;
}

export const OUTCOME = '/attempts/:id/outcome';

/** The HTTP contract. */
export const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/authentication/options',
    body: BODIES.signInOptions,
    ceremony: ['sign_in', 'options'],
    run: async (context, services, body) => {
      const { binding, cookie } = bind(context);
      return { status: 200, body: await signInOptions(context, services, binding, body), ...cookie };
    },
  },
  {
    method: 'POST',
    path: '/authentication/verify',
    body: BODIES.verification,
    ceremony: ['sign_in', 'verify'],
    run: async (context, services, body) => ({
      status: 200,
      body: await verifySignIn(context, services, body as VerificationBody),
      ends: SUCCESS,
    }),
  },
  {
    method: 'POST',
    path: OUTCOME,
    span: 'latchkey.attempt.outcome',
    body: BODIES.outcome,
    run: reportOutcome,
  },
  {
    method: 'POST',
    path: '/registration/options',
    body: BODIES.registrationOptions,
    ceremony: ['registration', 'options'],
    run: async (context, services, body) => {
      const registrant = await whoRegisters(context, services);
      const { binding, cookie } = bind(context);
      return { status: 200, body: await registrationOptions(context, services, binding, registrant, body), ...cookie };
    },
  },
  {
    method: 'POST',
    path: '/registration/verify',
    body: BODIES.verification,
    ceremony: ['registration', 'verify'],
    run: async (context, services, body) => {
      const registrant = await whoRegisters(context, services);
      const { answer } = await verifyRegistration(context, services, registrant, body as VerificationBody);
      return { status: 201, body: answer, ends: SUCCESS, also: 'latchkey.passkey.added' };
    },
  },
  {
    method: 'POST',
    path: '/step-up/options',
    body: BODIES.stepUpOptions,
    ceremony: ['step_up', 'options'],
    run: async (context, services, body) => {
      const session = await whoIsSignedIn(context, services);
      const { binding, cookie } = bind(context);
      return { status: 200, body: await stepUpOptions(context, services, binding, session, body), ...cookie };
    },
  },
  {
    method: 'POST',
    path: '/step-up/verify',
    body: BODIES.verification,
    ceremony: ['step_up', 'verify'],
    run: async (context, services, body) => {
      const session = await whoIsSignedIn(context, services);
      return {
        status: 200,
        body: await verifyStepUp(context, services, session, body as VerificationBody),
        ends: SUCCESS,
      };
    },
  },
  {
    method: 'GET',
    path: '/credentials',
    run: async (context, services) => {
      const session = await whoIsSignedIn(context, services);
      const passkeys = await passkeysOf(context.config, services.store, session.userId);
      return {
        status: 200,
        body: { passkeys: passkeys.map((passkey) => describePasskey(passkey, session.passkeyId)) },
      };
    },
  },
  {
    method: 'PATCH',
    path: '/credentials/:id',
    span: 'latchkey.passkey.change',
    body: BODIES.passkeyChange,
    run: async (context, services, body, id) => {
      const session = await whoIsSignedIn(context, services);
      if (body.nickname === undefined && body.enabled === undefined) throw refuseUnrecorded('malformed_request');
      if (!ID.test(id)) throw refuseUnrecorded('not_found');
      if (body.enabled !== undefined) services.sessions.requireRecent(session, context.config);
      const { passkey, event, switched } = await changePasskey(context.config, services.store, session, id, body);
      if (!passkey.enabled) services.sessions.forget(id);
      if (switched) {
        const news: PasskeyNotice = passkey.enabled
          ? { kind: 'passkey_enabled' }
          : { kind: 'passkey_disabled', by: 'owner' };
        notify(context, session.user, passkey, news);
      }
      return { status: 200, body: describePasskey(passkey, session.passkeyId), ...changed(context, event, passkey) };
    },
  },
  {
    method: 'DELETE',
    path: '/credentials/:id',
    span: 'latchkey.passkey.change',
    run: async (context, services, _body, id) => {
      const session = await whoIsSignedIn(context, services);
      services.sessions.requireRecent(session, context.config);
      if (!ID.test(id)) throw refuseUnrecorded('not_found');
      const passkey = await removePasskey(context.config, services.store, session, id);
      services.sessions.forget(id);
      notify(context, session.user, passkey, { kind: 'passkey_removed' });
      return { status: 204, ...changed(context, 'latchkey.passkey.removed', passkey) };
    },
  },
  {
    method: 'GET',
    path: '/signals',
    run: async (context, services) => {
      const session = await whoIsSignedIn(context, services);
      const passkeys = await passkeysOf(context.config, services.store, session.userId);
      return { status: 200, body: signalsFor(context.config.rp.id, session.user, passkeys)! };
    },
  },
  {
    method: 'GET',
    path: '/session',
    run: async (context, services) => {
      const session = await whoIsSignedIn(context, services);
      const { user, passkeyId, ...rest } = describe(session);
      const { id, name, displayName = name } = user;
      return {
        status: 200,
        body: {
          user: { id, name, displayName },
          passkey: { id: passkeyId },
          ...rest,
          ...(session.stepUp && { stepUp: session.stepUp }),
        },
      };
    },
  },
  {
    method: 'DELETE',
    path: '/session',
    run: async (context) => {
      await context.request.session?.clear();
      return { status: 204 };
    },
  },
  { method: 'GET', path: '/client.js', run: async (context) => clientModule(context.request.header('if-none-match')) },
];

/** The routes as an adapter may show them to its framework, for documents made from routes. */
export const routes: readonly Pick<Route, 'method' | 'path' | 'body'>[] = ROUTES.map(({ method, path, body }) => ({
  method,
  path,
  ...(body && { body }),
}));

/** What our ids look like. Anything else is nobody's, and no store is asked. */
const ID = /^[\w-]{1,64}$/;

type VerificationBody = { attemptId: string; credential: object };

/** `POST /attempts/:attemptId/outcome`: how an attempt ended in the page, or that a prefetched one began. */
async function reportOutcome(
  context: RequestContext,
  { store }: HttpServices,
  body: Body,
  attemptId: string,
): Promise<Answer> {
  const { errorName, ended, begun } = body as { errorName?: string; ended?: 'password'; begun?: true };
  if ([errorName, ended, begun].filter((member) => member !== undefined).length !== 1)
    throw refuseUnrecorded('malformed_request');
  if (!ID.test(attemptId)) throw refuseUnrecorded('malformed_request');
  if (begun) {
    if (context.binding !== null) await store.challenges.begin({ attemptId, binding: hashBinding(context.binding) });
    return { status: 204 };
  }
  const taken = await takeReported(context, store, attemptId);
  if (!taken) return { status: 204 };
  if (taken.purpose === 'sign_in') countChallenge('taken');
  context.draft.name = EVENT_OF[taken.purpose];
  context.draft.stage = 'client';
  const reason = errorName === undefined ? 'client_password' : reasonOfErrorName(errorName);
  return { status: 204, ends: { outcome: 'cancelled', reason, source: 'client_report' } };
}

/** A change to a passkey is a record of its own. */
function changed(
  context: RequestContext,
  event: EventName,
  passkey: { userId: string; credentialId: Uint8Array; aaguid: string },
): Pick<Answer, 'ends'> {
  const { draft } = context;
  draft.name = event;
  draft.stage = 'session';
  draft.userId = passkey.userId;
  draft.credentialId = passkey.credentialId;
  draft.aaguid = passkey.aaguid;
  return { ends: SUCCESS };
}

async function whoIsSignedIn(
  context: RequestContext,
  { sessions }: HttpServices,
): Promise<SignedIn & { readonly user: User }> {
  const session = await sessions.current(context.request, context.config);
  if (!session) throw refuseUnrecorded('sign_in_required');
  context.draft.userId = session.userId;
  return session;
}

/** Signed in with a passkey, or known to the application in its own way, or nobody. A body never says who. */
async function whoRegisters(context: RequestContext, { sessions }: HttpServices): Promise<Registrant | null> {
  const session = await sessions.current(context.request, context.config);
  const user = session?.user ?? (await identifiedUser(context));
  if (!user) return null;
  context.draft.userId = user.id;
  return { user, signedIn: session };
}
