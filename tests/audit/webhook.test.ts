/** Records by Standard Webhooks, to a receiver that verifies with the library that the specification's authors publish. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { queued, webhook } from '@latchkey/audit';
import { ConfigurationError } from '@latchkey/core';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test } from 'vitest';
import { recordOf, records } from './records.ts';

const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;
const [secret, next] = [secretOf(1), secretOf(2)];

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server that keeps what it gets, and answers 204 unless told otherwise. */
async function receiver(
  answer: (response: ServerResponse, count: number) => void = (response) => response.writeHead(204).end(),
) {
  const got: Delivery[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    got.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    answer(response, got.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks` };
}

/** What the published library says: the body, or it throws. */
const verified = ({ headers, body }: Delivery, by = secret): unknown =>
  new Webhook(by).verify(body, headers as Record<string, string>);

test('a record arrives as the specification says, and verifies', async () => {
  const { got, url } = await receiver();
  const sink = webhook({ url, secret });
  await sink.write(recordOf(0));
  await sink.close();
  const { event } = recordOf(0);
  expect(got[0]!.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': event.id });
  expect(verified(got[0]!)).toEqual({ type: 'latchkey.signin.attempt', timestamp: event.time, data: recordOf(0) });
  await expect(sink.write(recordOf(1))).rejects.toThrow('webhook is closed.');
});

test('an edited body, another id, another secret and an old timestamp do not verify', async () => {
  const { got, url } = await receiver();
  const sink = webhook({ url, secret });
  await sink.write(recordOf(0));
  const [delivery] = got;
  const { headers, body } = delivery!;
  expect(() => verified({ headers, body: body.replace('success', 'failure') })).toThrow();
  expect(() => verified({ headers: { ...headers, 'webhook-id': 'another' }, body })).toThrow();
  expect(() => verified({ headers: { ...headers, 'webhook-timestamp': '1' }, body })).toThrow();
  expect(() => verified(delivery!, next)).toThrow();
  // Seen by somebody, and sent again six minutes later: outside the five minutes of the specification.
  await webhook({ url, secret, clock: () => Date.now() - 360_000 }).write(recordOf(1));
  expect(() => verified(got[1]!)).toThrow('Message timestamp too old');
});

test('while a secret is replaced, both receivers verify', async () => {
  const { got, url } = await receiver();
  await webhook({ url, secret: [next, secret] }).write(recordOf(0));
  expect(verified(got[0]!, secret)).toEqual(verified(got[0]!, next));
});

test('what was refused is sent again by a queue, with its id and a new timestamp', async () => {
  const { got, url } = await receiver((response, count) => response.writeHead(count < 3 ? 503 : 204).end('not now'));
  let now = Date.now();
  const notices: string[] = [];
  const queue = queued(webhook({ url, secret, clock: () => (now += 1_000) }), {
    backoff: { first: 1, most: 2 },
    onNotice: ({ kind, message }) => notices.push(`${kind} ${message}`),
  });
  await Promise.all(records(3).map((record) => queue.write(record)));
  await queue.close();
  expect(got.map(({ headers }) => headers['webhook-id'])).toEqual([0, 0, 0, 1, 2].map((n) => recordOf(n).event.id));
  expect(new Set(got.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(5);
  for (const delivery of got) verified(delivery);
  expect(notices.map((notice) => notice.split(' ')[0])).toEqual(['failing', 'recovered']);
  expect(notices[0]).toContain('answered 503');
});

test('a redirect is not followed, and a receiver that hangs is given up', async () => {
  const other = await receiver();
  const { url } = await receiver((response) => response.writeHead(307, { location: other.url }).end());
  await expect(webhook({ url, secret }).write(recordOf(0))).rejects.toThrow('answered 307');
  expect(other.got).toEqual([]);
  const hanging = await receiver(() => {});
  const sink = webhook({ url: hanging.url, secret, timeout: 100, capacity: 1 });
  const write = sink.write(recordOf(0));
  await expect(sink.write(recordOf(1))).rejects.toThrow('1 writes are under way already');
  await expect(write).rejects.toThrow(/not done within 100 ms|timeout/);
  await sink.close();
});

test('something else than a record is sent the same way', async () => {
  const { got, url } = await receiver();
  const sink = webhook({ url, secret });
  await sink.send({ id: 'n1', type: 'latchkey.passkey_added', happenedAt: 0, data: { user: 'ada' } });
  expect(got[0]!.headers['webhook-id']).toBe('n1');
  expect(verified(got[0]!)).toEqual({
    ...{ type: 'latchkey.passkey_added', timestamp: '1970-01-01T00:00:00.000Z', data: { user: 'ada' } },
  });
});

test('a wrong address or secret is refused by its option, and a secret is never shown', () => {
  const url = 'https://example.com/hooks';
  expect(() => webhook({ url: 'http://example.com/hooks', secret })).toThrow(ConfigurationError);
  expect(() => webhook({ url: 'http://example.com/hooks', secret })).toThrow(
    'Write an https address, or http on localhost.',
  );
  expect(() => webhook({ url: 'nowhere', secret })).toThrow('webhook.url: got "nowhere"');
  const short = `whsec_${Buffer.alloc(8, 7).toString('base64')}`;
  expect(() => webhook({ url, secret: short })).toThrow('webhook.secret');
  for (const wrong of [short, 'secret-of-mine', '']) {
    const message = (() => {
      try {
        webhook({ url, secret: wrong });
        return 'none';
      } catch (thrown) {
        return (thrown as Error).message;
      }
    })();
    expect(message).toContain("Write 'whsec_' and 24 to 64 random bytes in base64");
    if (wrong !== '') expect(message).not.toContain(wrong);
  }
  expect(() => webhook({ url, secret: [] })).toThrow('webhook.secret');
});
