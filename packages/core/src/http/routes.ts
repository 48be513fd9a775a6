/** The HTTP contract: every route, who may ask, what its body may be, and what it does. */
import { activityOf } from '../ceremony/activity.ts';
import { signInOptions, stepUpOptions, verifySignIn, verifyStepUp } from '../ceremony/authentication.ts';
import { hashBinding, takeReported } from '../ceremony/ceremony.ts';
import type { RequestContext } from '../ceremony/context.ts';
import { checkInvitation, openInvitation } from '../ceremony/invitation.ts';
import { notify } from '../ceremony/notify.ts';
import { declineOffer, offerPasskey } from '../ceremony/offer.ts';
import { changePasskey, describePasskey, passkeysOf, removePasskey, signalsFor } from '../ceremony/passkeys.ts';
import { registrationOptions, verifyRegistration } from '../ceremony/registration.ts';
import { describeSession, type Person, requireAllowed, requireRecent, type SignedIn } from '../ceremony/session.ts';
import { refuse, refuseUnrecorded } from '../errors.ts';
import type { EventName, Purpose } from '../record/attempt.ts';
import { EVENT_OF, SUCCESS } from '../record/draft.ts';
import { reasonOfErrorName } from '../record/enforcement.ts';
import { newId } from '../record/id.ts';
import { countChallenge } from '../signals/telemetry.ts';
import type { Passkey } from '../store/store.ts';
import type { Answer } from './answer.ts';
import { bind } from './binding.ts';
import { clientModule } from './documents.ts';
import type { HttpServices } from './limits.ts';
import { BODIES, type BodyOf, type BodySchema } from './shape.ts';

/** Who may ask. `session`: somebody with a session of ours. `person`: also somebody whom only the application knows. */
type Needs = { session: SignedIn; person: Person; nobody: null };

interface RouteOf<N extends keyof Needs, S extends BodySchema> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Segments; `:id` matches any one. */
  readonly path: string;
  readonly needs: N;
  readonly body?: S;
  /** A ceremony's route: what it is for, and which of its requests. Its refusals are attempts. */
  readonly ceremony?: readonly [Purpose, 'options' | 'verify'];
  /** The span of another route that leaves a record. */
  readonly span?: string;
  /** A module that pages load. It is the same for everybody, whatever page asks. */
  readonly script?: true;
  run(context: RequestContext, services: HttpServices, who: Needs[N], body: BodyOf<S>, id: string): Promise<Answer>;
}

/** A route, whoever may ask and whatever its body is. */
export type Route = RouteOf<keyof Needs, BodySchema>;

/** Ties a route's `run` to what it needs and to its body. */
const route = <N extends keyof Needs, S extends BodySchema = BodySchema>(definition: RouteOf<N, S>): Route =>
  definition as unknown as Route;

export const OUTCOME = '/attempts/:id/outcome';
export const OFFER = '/offer';

export const SESSION = '/session';

/** The HTTP contract. */
export const ROUTES: readonly Route[] = [
  route({
    method: 'POST',
    path: '/authentication/options',
    needs: 'nobody',
    body: BODIES.signInOptions,
    ceremony: ['sign_in', 'options'],
    run: async (context, services, _, body) => ({
      status: 200,
      body: await signInOptions(context, services, bind(context), body),
    }),
  }),
  route({
    method: 'POST',
    path: '/authentication/verify',
    needs: 'nobody',
    body: BODIES.verification,
    ceremony: ['sign_in', 'verify'],
    run: async (context, services, _, body) => ({
      status: 200,
      body: await verifySignIn(context, services, body),
      ends: SUCCESS,
    }),
  }),
  route({
    method: 'POST',
    path: OUTCOME,
    needs: 'nobody',
    span: 'latchkey.attempt.outcome',
    body: BODIES.outcome,
    run: reportOutcome,
  }),
  route({
    method: 'POST',
    path: '/registration/options',
    needs: 'nobody',
    body: BODIES.registrationOptions,
    ceremony: ['registration', 'options'],
    run: async (context, services, _, body) => {
      const binding = bind(context);
      const registrant =
        body.invitation === undefined
          ? await personThere(context, services)
          : await openInvitation(context, services, body.invitation, binding);
      return { status: 200, body: await registrationOptions(context, services, binding, registrant, body) };
    },
  }),
  route({
    method: 'POST',
    path: '/registration/verify',
    needs: 'nobody',
    body: BODIES.registration,
    ceremony: ['registration', 'verify'],
    run: async (context, services, _, body) => {
      const registrant =
        body.invitation === undefined
          ? await personThere(context, services)
          : await checkInvitation(context, services, body.invitation);
      const answer = await verifyRegistration(context, services, registrant, body);
      context.whenDone.push(() =>
        context.events.push({ name: 'latchkey.passkey.added', changes: { changedBy: 'person' } }),
      );
      return { status: 201, body: answer, ends: SUCCESS };
    },
  }),
  route({
    method: 'POST',
    path: OFFER,
    needs: 'person',
    run: async (context, services, person) => ({ status: 200, body: await offerPasskey(context, services, person) }),
  }),
  route({
    method: 'DELETE',
    path: OFFER,
    needs: 'person',
    run: async (context, services, person) => {
      await declineOffer(context, services, person);
      return { status: 204 };
    },
  }),
  route({
    method: 'POST',
    path: '/step-up/options',
    needs: 'session',
    body: BODIES.stepUpOptions,
    ceremony: ['step_up', 'options'],
    run: async (context, services, signedIn, body) => ({
      status: 200,
      body: await stepUpOptions(context, services, bind(context), signedIn, body),
    }),
  }),
  route({
    method: 'POST',
    path: '/step-up/verify',
    needs: 'session',
    body: BODIES.verification,
    ceremony: ['step_up', 'verify'],
    run: async (context, services, signedIn, body) => ({
      status: 200,
      body: await verifyStepUp(context, services, signedIn, body),
      ends: SUCCESS,
    }),
  }),
  route({
    method: 'GET',
    path: '/credentials',
    needs: 'person',
    run: async (context, services, { user, session }) => {
      const passkeys = await passkeysOf(context.config, services.store, user.id);
      const current = session?.passkeyId ?? null;
      return { status: 200, body: { passkeys: passkeys.map((passkey) => describePasskey(passkey, current)) } };
    },
  }),
  route({
    method: 'PATCH',
    path: '/credentials/:id',
    needs: 'person',
    span: 'latchkey.passkey.change',
    body: BODIES.passkeyChange,
    run: async (context, services, person, change, id) => {
      if (change.nickname === undefined && change.enabled === undefined) throw refuseUnrecorded('malformed_request');
      if (!ID.test(id)) throw refuseUnrecorded('not_found');
      // A nickname may be changed by anybody with a session; all else, and anybody else, must have confirmed just now.
      if (change.enabled !== undefined || person.session === null) await requireConfirmed(context, services, person);
      if (change.enabled === false) await requireAllowed(context, person.user, 'remove');
      const { passkey, event, switched } = await changePasskey(context.config, services.store, person, id, change);
      if (!passkey.enabled) await endSessionsOf(context, services, passkey, 'passkey_disabled');
      if (switched) {
        const notice = passkey.enabled
          ? ({ kind: 'passkey_enabled' } as const)
          : ({ kind: 'passkey_disabled', by: 'owner' } as const);
        notify(context, person.user, passkey, notice);
      }
      const current = person.session?.passkeyId ?? null;
      return { status: 200, body: describePasskey(passkey, current), ...changed(context, event, passkey) };
    },
  }),
  route({
    method: 'DELETE',
    path: '/credentials/:id',
    needs: 'person',
    span: 'latchkey.passkey.change',
    run: async (context, services, person, _, id) => {
      await requireConfirmed(context, services, person);
      if (!ID.test(id)) throw refuseUnrecorded('not_found');
      await requireAllowed(context, person.user, 'remove');
      const { config } = context;
      const passkey = await removePasskey(config, services.store, person, id);
      await endSessionsOf(context, services, passkey, 'passkey_removed');
      notify(context, person.user, passkey, { kind: 'passkey_removed' });
      // So that the page can tell the password manager, also where its own session has ended with this.
      const signals = signalsFor(config.rp.id, person.user, {
        passkeys: await passkeysOf(config, services.store, person.user.id),
        userHandle: passkey.userHandle,
      });
      return { status: 200, body: { signals }, ...changed(context, 'latchkey.passkey.removed', passkey) };
    },
  }),
  route({
    method: 'GET',
    path: '/signals',
    needs: 'person',
    run: async (context, services, { user }) => {
      const passkeys = await passkeysOf(context.config, services.store, user.id);
      const signals = signalsFor(context.config.rp.id, user, { passkeys });
      if (signals === null) throw refuseUnrecorded('not_found');
      return { status: 200, body: signals };
    },
  }),
  route({
    method: 'GET',
    path: '/sessions',
    needs: 'session',
    run: async (context, services, { session, user }) => {
      const { rp, now } = context.config;
      const [sessions, passkeys] = await Promise.all([
        services.store.sessions!.listByUser(user.id),
        passkeysOf(context.config, services.store, user.id),
      ]);
      const live = sessions.filter(({ rpId, expiresAt }) => rpId === rp.id && now() < expiresAt);
      return {
        status: 200,
        body: {
          sessions: live.map(({ id, createdAt, seenAt, expiresAt, passkeyId, address, userAgent }) => ({
            id,
            createdAt,
            seenAt,
            expiresAt,
            passkey: {
              id: passkeyId,
              nickname: passkeys.find((passkey) => passkey.id === passkeyId)?.nickname ?? null,
            },
            address,
            userAgent,
            current: id === session.id,
          })),
        },
      };
    },
  }),
  route({
    method: 'DELETE',
    path: '/sessions',
    needs: 'session',
    run: async (context, { sessions }, { session, user }) => {
      const others = { userId: user.id, rpId: context.config.rp.id, except: session.id };
      await sessions.end(context, others, 'person', 'ended_elsewhere');
      return { status: 204 };
    },
  }),
  route({
    method: 'DELETE',
    path: '/sessions/:id',
    needs: 'session',
    run: async (context, { sessions }, { session, user }, _, id) => {
      if (!ID.test(id)) throw refuseUnrecorded('not_found');
      const why = id === session.id ? 'signed_out' : 'ended_elsewhere';
      const own = { id, userId: user.id, rpId: context.config.rp.id };
      const ended = await sessions.end(context, own, 'person', why);
      if (ended.length === 0) throw refuseUnrecorded('not_found');
      return { status: 204 };
    },
  }),
  route({
    method: 'GET',
    path: '/activity',
    needs: 'session',
    run: async (context, services, signedIn) => ({
      status: 200,
      body: { activity: await activityOf(context, services, signedIn) },
    }),
  }),
  route({
    method: 'GET',
    path: SESSION,
    needs: 'session',
    run: async (_context, _services, signedIn) => {
      const { id, user, passkeyId, ...rest } = describeSession(signedIn);
      const { stepUp } = signedIn.session;
      return {
        status: 200,
        body: {
          id,
          user: { id: user.id, name: user.name, displayName: user.displayName ?? user.name },
          passkey: { id: passkeyId },
          ...rest,
          ...(stepUp && { stepUp: { at: stepUp.at, ...(stepUp.action !== null && { action: stepUp.action }) } }),
        },
      };
    },
  }),
  route({
    method: 'DELETE',
    path: SESSION,
    needs: 'nobody',
    run: async (context, { sessions }) => {
      await sessions.signOut(context, 'person');
      return { status: 204 };
    },
  }),
  route({
    method: 'GET',
    path: '/client.js',
    needs: 'nobody',
    script: true,
    run: async (context) => clientModule('client.js', context.request.header('if-none-match')),
  }),
  route({
    method: 'GET',
    path: '/elements.js',
    needs: 'nobody',
    script: true,
    run: async (context) => clientModule('elements.js', context.request.header('if-none-match')),
  }),
  route({
    method: 'GET',
    path: '/elements/:id',
    needs: 'nobody',
    script: true,
    run: async (context, _services, _who, _body, id) =>
      clientModule(`elements/${id}`, context.request.header('if-none-match')),
  }),
];

/** A route, as documents are made from it. */
export interface RouteDescription {
  /** The HTTP method. */
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the mount prefix; `:id` stands for any one segment. */
  readonly path: string;
  /** Its body; left out where it has none. */
  readonly body?: BodySchema;
}

/** The routes as an adapter may show them to its framework, for documents made from routes. */
export const routes: readonly RouteDescription[] = ROUTES.map(({ method, path, body }) => ({
  method,
  path,
  ...(body && { body }),
}));

/** What our ids look like. Anything else is nobody's, and no store is asked. */
const ID = /^[\w-]{1,64}$/;

/** Signed in with a passkey, or known to the application in its own way, or nobody. A body never says who. */
export async function personThere(context: RequestContext, { sessions }: HttpServices): Promise<Person | null> {
  const person = await sessions.person(context);
  if (person) context.draft.userId = person.user.id;
  return person;
}

/** Throws unless this person confirmed with a passkey just now; or where there is none to confirm with, as for a stranger. */
async function requireConfirmed(context: RequestContext, { store }: HttpServices, person: Person): Promise<void> {
  if (person.session === null && person.confirmedAt === Number.NEGATIVE_INFINITY) {
    const passkeys = await passkeysOf(context.config, store, person.user.id);
    if (!passkeys.some(({ enabled }) => enabled)) throw refuseUnrecorded('sign_in_required');
  }
  requireRecent(person, context.config);
}

async function endSessionsOf(
  context: RequestContext,
  { sessions }: HttpServices,
  { id: passkeyId, userId }: Passkey,
  because: 'passkey_removed' | 'passkey_disabled',
): Promise<void> {
  if (context.config.sessions) await sessions.end(context, { userId, passkeyId }, 'person', because);
}

/** `POST /attempts/:attemptId/outcome`: how an attempt ended in the page, or that a prefetched one began. */
async function reportOutcome(
  context: RequestContext,
  { store }: HttpServices,
  _: null,
  { errorName, ended, begun }: BodyOf<typeof BODIES.outcome>,
  attemptId: string,
): Promise<Answer> {
  if ([errorName, ended, begun].filter((member) => member !== undefined).length !== 1)
    throw refuseUnrecorded('malformed_request');
  if (!ID.test(attemptId)) throw refuseUnrecorded('malformed_request');
  if (begun) {
    if (context.binding !== null) {
      await store.challenges.begin({ attemptId, binding: hashBinding(context.binding) });
    }
    return { status: 204 };
  }
  const reason = errorName === undefined ? 'client_password' : reasonOfErrorName(errorName);
  const { draft } = context;
  draft.stage = 'client';
  try {
    const taken = await takeReported(context, store, attemptId);
    if (!taken) return { status: 204 };
    if (taken.purpose === 'sign_in') countChallenge('taken');
    draft.name = EVENT_OF[taken.purpose];
    draft.stage = 'client';
    return { status: 204, ends: { outcome: 'cancelled', reason, source: 'client_report' } };
  } catch (cause) {
    // The store may have taken it after nobody waited any more: then no other record tells how the attempt ended.
    draft.relatedId = attemptId;
    draft.attemptId = newId(context.config.now());
    throw refuse('store_unavailable', { cause });
  }
}

/** A change to a passkey is a record of its own. */
function changed(context: RequestContext, event: EventName, passkey: Passkey): Pick<Answer, 'ends'> {
  const { draft } = context;
  draft.name = event;
  draft.changedBy = 'person';
  draft.stage = 'session';
  draft.userId = passkey.userId;
  draft.credentialId = passkey.credentialId;
  draft.aaguid = passkey.aaguid;
  return { ends: SUCCESS };
}
