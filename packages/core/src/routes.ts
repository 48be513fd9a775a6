/** The HTTP contract: every route, what its body may be, what it does, and who may ask. */

import type { Answer } from './answer.ts';
import type { EventName } from './attempt.ts';
import { reasonOfErrorName } from './attempt.ts';
import { type Rooms, signInOptions, stepUpOptions, verifySignIn, verifyStepUp } from './authentication.ts';
import { bind } from './binding.ts';
import type { Call, SignedIn } from './call.ts';
import { hashBinding, takeReported } from './ceremony.ts';
import type { User } from './config.ts';
import { clientModule } from './documents.ts';
import { turnAway } from './errors.ts';
import { type News, notify } from './notify.ts';
import { changePasskey, describePasskey, passkeysOf, removePasskey, signalsFor } from './passkeys.ts';
import type { Body } from './receive.ts';
import { EVENT_OF, type Verdict } from './record.ts';
import { type Registrant, registrationOptions, verifyRegistration } from './registration.ts';
import { describe, knownOtherwise } from './session.ts';
import { BODIES, type BodySchema } from './shape.ts';
import type { Purpose } from './store.ts';
import { countChallenge } from './telemetry.ts';

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
  run(call: Call, rooms: Rooms, body: Body, id: string): Promise<Answer>;
}

export const OUTCOME = '/attempts/:id/outcome';

/** The HTTP contract. */
export const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/authentication/options',
    body: BODIES.signInOptions,
    ceremony: ['sign_in', 'options'],
    run: async (call, rooms, body) => {
      const { binding, cookie } = bind(call);
      return { status: 200, body: await signInOptions(call, rooms, binding, body), ...cookie };
    },
  },
  {
    method: 'POST',
    path: '/authentication/verify',
    body: BODIES.verification,
    ceremony: ['sign_in', 'verify'],
    run: async (call, rooms, body) => ({
      status: 200,
      body: await verifySignIn(call, rooms, body as VerificationBody),
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
    run: async (call, rooms, body) => {
      const registrant = await whoRegisters(call, rooms);
      const { binding, cookie } = bind(call);
      return { status: 200, body: await registrationOptions(call, rooms, binding, registrant, body), ...cookie };
    },
  },
  {
    method: 'POST',
    path: '/registration/verify',
    body: BODIES.verification,
    ceremony: ['registration', 'verify'],
    run: async (call, rooms, body) => {
      const registrant = await whoRegisters(call, rooms);
      const { answer } = await verifyRegistration(call, rooms, registrant, body as VerificationBody);
      return { status: 201, body: answer, ends: SUCCESS, also: 'latchkey.passkey.added' };
    },
  },
  {
    method: 'POST',
    path: '/step-up/options',
    body: BODIES.stepUpOptions,
    ceremony: ['step_up', 'options'],
    run: async (call, rooms, body) => {
      const session = await whoIsSignedIn(call, rooms);
      const { binding, cookie } = bind(call);
      return { status: 200, body: await stepUpOptions(call, rooms, binding, session, body), ...cookie };
    },
  },
  {
    method: 'POST',
    path: '/step-up/verify',
    body: BODIES.verification,
    ceremony: ['step_up', 'verify'],
    run: async (call, rooms, body) => {
      const session = await whoIsSignedIn(call, rooms);
      return { status: 200, body: await verifyStepUp(call, rooms, session, body as VerificationBody), ends: SUCCESS };
    },
  },
  {
    method: 'GET',
    path: '/credentials',
    run: async (call, rooms) => {
      const session = await whoIsSignedIn(call, rooms);
      const passkeys = await passkeysOf(call.config, rooms.store, session.userId);
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
    run: async (call, rooms, body, id) => {
      const session = await whoIsSignedIn(call, rooms);
      if (body.nickname === undefined && body.enabled === undefined) throw turnAway('malformed_request');
      if (!ID.test(id)) throw turnAway('not_found');
      if (body.enabled !== undefined) rooms.sessions.requireRecent(session, call.config);
      const { passkey, event, switched } = await changePasskey(call.config, rooms.store, session, id, body);
      if (!passkey.enabled) rooms.sessions.forget(id);
      if (switched) {
        const news: News = passkey.enabled ? { kind: 'passkey_enabled' } : { kind: 'passkey_disabled', by: 'owner' };
        notify(call, session.user, passkey, news);
      }
      return { status: 200, body: describePasskey(passkey, session.passkeyId), ...changed(call, event, passkey) };
    },
  },
  {
    method: 'DELETE',
    path: '/credentials/:id',
    span: 'latchkey.passkey.change',
    run: async (call, rooms, _body, id) => {
      const session = await whoIsSignedIn(call, rooms);
      rooms.sessions.requireRecent(session, call.config);
      if (!ID.test(id)) throw turnAway('not_found');
      const passkey = await removePasskey(call.config, rooms.store, session, id);
      rooms.sessions.forget(id);
      notify(call, session.user, passkey, { kind: 'passkey_removed' });
      return { status: 204, ...changed(call, 'latchkey.passkey.removed', passkey) };
    },
  },
  {
    method: 'GET',
    path: '/signals',
    run: async (call, rooms) => {
      const session = await whoIsSignedIn(call, rooms);
      const passkeys = await passkeysOf(call.config, rooms.store, session.userId);
      return { status: 200, body: signalsFor(call.config.rp.id, session.user, passkeys)! };
    },
  },
  {
    method: 'GET',
    path: '/session',
    run: async (call, rooms) => {
      const session = await whoIsSignedIn(call, rooms);
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
    run: async (call) => {
      await call.request.session?.clear();
      return { status: 204 };
    },
  },
  { method: 'GET', path: '/client.js', run: async (call) => clientModule(call.request.header('if-none-match')) },
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
async function reportOutcome(call: Call, { store }: Rooms, body: Body, attemptId: string): Promise<Answer> {
  const { errorName, ended, begun } = body as { errorName?: string; ended?: 'password'; begun?: true };
  if ([errorName, ended, begun].filter((member) => member !== undefined).length !== 1)
    throw turnAway('malformed_request');
  if (!ID.test(attemptId)) throw turnAway('malformed_request');
  if (begun) {
    if (call.binding !== null) await store.challenges.begin(attemptId, hashBinding(call.binding));
    return { status: 204 };
  }
  const taken = await takeReported(call, store, attemptId);
  if (!taken) return { status: 204 };
  if (taken.purpose === 'sign_in') countChallenge('taken');
  call.facts.name = EVENT_OF[taken.purpose];
  call.facts.stage = 'client';
  const reason = errorName === undefined ? 'client_password' : reasonOfErrorName(errorName);
  return { status: 204, ends: { outcome: 'cancelled', reason, source: 'client_report' } };
}

/** A change to a passkey is a record of its own. */
function changed(
  call: Call,
  event: EventName,
  passkey: { userId: string; credentialId: Uint8Array; aaguid: string },
): Pick<Answer, 'ends'> {
  const { facts } = call;
  facts.name = event;
  facts.stage = 'session';
  facts.userId = passkey.userId;
  facts.credentialId = passkey.credentialId;
  facts.aaguid = passkey.aaguid;
  return { ends: SUCCESS };
}

async function whoIsSignedIn(call: Call, { sessions }: Rooms): Promise<SignedIn & { readonly user: User }> {
  const session = await sessions.current(call.request, call.config);
  if (!session) throw turnAway('sign_in_required');
  call.facts.userId = session.userId;
  return session;
}

/** Signed in with a passkey, or known to the application in its own way, or nobody. A body never says who. */
async function whoRegisters(call: Call, { sessions }: Rooms): Promise<Registrant | null> {
  const session = await sessions.current(call.request, call.config);
  const user = session?.user ?? (await knownOtherwise(call));
  if (!user) return null;
  call.facts.userId = user.id;
  return { user, signedIn: session };
}
