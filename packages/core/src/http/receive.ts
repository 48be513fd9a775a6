/** What every request goes through before its route: where it comes from, its type, size, rate, syntax and shape, in this order. */
import type { Readable } from 'node:stream';
import type { GuardContext, RequestContext } from '../ceremony/context.ts';
import { Refusal, refuse } from '../errors.ts';
import { readClientReport } from '../record/enforcement.ts';
import { pseudonym } from '../record/pseudonym.ts';
import { byAddress, byName, type HttpServices, type LimitedKey } from './limits.ts';
import { OFFER, OUTCOME, type Route, SESSION } from './routes.ts';
import { BODIES, type BodyOf, type BodySchema, readBody } from './shape.ts';

const MAX_BODY = 64 * 1_024;

/** How many chunks of a body are kept apart. A chunk of one byte takes some hundred: a body of them, held open, takes megabytes. */
const MOST_CHUNKS = 64;

const JSON_TYPE = /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i;

/** Cross-site requests are refused: by Origin where there is one, else by Sec-Fetch-Site where there is one. */
export function checkOrigin({ config, request }: GuardContext): void {
  const origin = request.header('origin');
  const site = request.header('sec-fetch-site');
  const ours =
    origin === undefined
      ? site === undefined || site === 'same-origin' || site === 'none'
      : config.webOrigins.has(origin);
  if (!ours) throw refuse('origin_denied');
}

/** The body, after its type, size, rate, syntax and shape were checked, in this order. */
export async function receive(
  context: RequestContext,
  { limits }: HttpServices,
  route: Route,
): Promise<BodyOf<BodySchema>> {
  const { request, draft, config } = context;
  if (route.method === 'GET') return {};
  const type = request.header('content-type');
  const length = Number(request.header('content-length') ?? Number.NaN);
  const mayBeEmpty = route.method === 'DELETE';
  const announced = length > 0 || request.header('transfer-encoding') !== undefined;
  const isEmpty = mayBeEmpty && type === undefined && !announced;
  const encoding = request.header('content-encoding') ?? 'identity';
  if (!isEmpty && (!JSON_TYPE.test(type ?? '') || encoding.toLowerCase() !== 'identity')) {
    throw refuse('malformed_request', { code: 'unsupported_media_type' });
  }
  if (length > MAX_BODY) throw refuse('malformed_request', { code: 'content_too_large' });
  await limits.admit(countedBy(context, route));
  context.admitted = true;
  if (isEmpty) return {};
  // Some body parsers set `{}` for an empty body.
  const parsed =
    length === 0 ? undefined : 'parsed' in request.body ? request.body.parsed : await readJson(request.body.stream);
  if (parsed === undefined && mayBeEmpty) return {};
  const body: (BodyOf<BodySchema> & Record<string, unknown>) | undefined = readBody(
    route.body ?? BODIES.nothing,
    parsed,
  );
  if (!body) {
    const missing = route.ceremony?.[1] === 'verify' && isRecordWithout(parsed, 'attemptId');
    if (missing) draft.challengeStatus = 'missing';
    throw refuse(missing ? 'challenge_missing' : 'malformed_request');
  }
  // A name counts only where it is looked up: elsewhere anybody could use up its owner's share.
  const mayBeLookedUp = body.mode === undefined || body.mode === 'modal';
  if (typeof body.identifier === 'string' && mayBeLookedUp) {
    // Tenants share the limits, not their names.
    const name = `${config.rp.id}\0${config.accounts.canonicalName(body.identifier)}`;
    context.admitted = false;
    await limits.admit([byName(pseudonym(config.identityKey, name), request.address)]);
    context.admitted = true;
  }
  const { report, immediateGet } = readClientReport(body.client);
  draft.immediateGet = immediateGet;
  if (route.ceremony?.[1] !== 'options') draft.clientReport = report;
  return body;
}

/**
 * What this request counts against: its address, its network, and its browser. A sign-out counts against nothing: it takes one
 * look into the store, as a guard does, and nobody at the same address may hold it up.
 */
function countedBy({ request, binding }: RequestContext, { ceremony, path, method }: Route): LimitedKey[] {
  if (method === 'DELETE' && path === SESSION) return [];
  if (method === 'POST' && path === OFFER) return byAddress('options', request.address);
  if (path === OUTCOME) return byAddress('outcome', request.address);
  if (!ceremony) return byAddress('changes', request.address);
  const [purpose, step] = ceremony;
  return [
    ...byAddress(purpose === 'registration' ? 'registration' : step, request.address),
    ...(binding === null ? [] : [['browser', binding] as const]),
  ];
}

function isRecordWithout(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Object.hasOwn(value, name);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The body's JSON; undefined where there is no body. */
async function readJson(stream: Readable | ReadableStream<Uint8Array>): Promise<unknown> {
  try {
    const bytes = await ('getReader' in stream ? readWebStream(stream) : readBytes(stream));
    if (bytes === 'too many') throw refuse('malformed_request', { code: 'content_too_large' });
    return bytes.length === 0 ? undefined : JSON.parse(utf8.decode(bytes));
  } catch (thrown) {
    throw thrown instanceof Refusal ? thrown : refuse('malformed_request', { cause: thrown });
  }
}

function keep(chunks: Uint8Array[], chunk: Uint8Array): void {
  chunks.push(chunk);
  if (chunks.length === MOST_CHUNKS) chunks.splice(0, MOST_CHUNKS, Buffer.concat(chunks));
}

/** What is left of a stream. By its events: a stream's own iterator takes as long as the rest of a request together. */
function readBytes(stream: Readable): Promise<Uint8Array | 'too many'> {
  if (stream.readableEnded) return Promise.resolve(new Uint8Array());
  if (stream.destroyed) return Promise.reject(new Error('the request was cut off'));
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const onData = (chunk: Uint8Array) => {
      keep(chunks, chunk);
      length += chunk.length;
      // The rest is let go: the request itself must live on, for its answer is still to be sent.
      if (length > MAX_BODY) settle(() => resolve('too many')).resume();
    };
    const onEnd = () => settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () => settle(() => reject(new Error('the request was cut off')));
    const settle = (how: () => void) => {
      how();
      return stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    };
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

/** What is left of a `Request`'s body. Throws for one that somebody else reads or has read. */
async function readWebStream(stream: ReadableStream<Uint8Array>): Promise<Uint8Array | 'too many'> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    keep(chunks, value);
    length += value.length;
    if (length <= MAX_BODY) continue;
    // The rest is let go. Cancelling it would close the connection on some runtimes, before the answer is sent.
    void letGo(reader);
    return 'too many';
  }
}

async function letGo(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client went away.
  }
}
