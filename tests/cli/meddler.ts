/** What stands in front of a site, with TLS, and may do to answers what proxies do. */
// @peculiar/x509 must find it.
import 'reflect-metadata';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { onTestFinished } from 'vitest';
import { folder } from './latchkey.ts';

interface Passed {
  status: number;
  headers: OutgoingHttpHeaders;
  body: Buffer;
}

export interface Meddler {
  readonly origin: string;
  /** A file with its certificate, for NODE_EXTRA_CA_CERTS. */
  readonly certificate: string;
  /** Where it sends requests on. */
  target: string;
  /** What it does to an answer. */
  meddle(path: string, answer: Passed, asked: IncomingHttpHeaders): void;
}

export async function startMeddler(days = 90): Promise<Meddler> {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + days * 86_400_000),
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }]),
    ],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const file = join(folder(), 'certificate.pem');
  writeFileSync(file, certificate.toString('pem'));
  const meddler: Meddler = { origin: '', certificate: file, target: '', meddle: () => {} };
  const server = createServer(
    { cert: certificate.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----` },
    (req, res) => {
      const onward = request(
        new URL(req.url!, meddler.target),
        { method: req.method!, headers: req.headers },
        async (answer) => {
          const chunks: Buffer[] = [];
          for await (const chunk of answer) chunks.push(chunk);
          const { 'transfer-encoding': _, 'content-length': __, ...headers } = answer.headers;
          const passed: Passed = { status: answer.statusCode!, headers, body: Buffer.concat(chunks) };
          passed.headers['strict-transport-security'] = 'max-age=63072000';
          passed.headers['keep-alive'] = 'timeout=75';
          // The site has no page of its own.
          if (req.url === '/') {
            Object.assign(passed, { status: 200, body: Buffer.from('<title>Sign in</title>') });
            delete passed.headers['content-security-policy'];
          }
          meddler.meddle(req.url!, passed, req.headers);
          res.sendDate = passed.headers.date === undefined;
          res.writeHead(passed.status, passed.headers).end(passed.body);
        },
      );
      onward.on('error', () => res.destroy());
      req.pipe(onward);
    },
  );
  server.listen(0, 'localhost');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return Object.assign(meddler, { origin: `https://localhost:${(server.address() as AddressInfo).port}` });
}
