/** Checks which client address the application records when a request carries a forged `X-Forwarded-For`. */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { AttemptStore } from '@latchkey/core';
import { about, type Finding } from '../finding.ts';
import { ask, type Site } from './ask.ts';

/** From a range that is nobody's (RFC 5737): whoever believes it, believes anything. */
const FORGED = '203.0.113.77';
const RECORD_MS = 5_000;

/**
 * Whose address the application takes for the client's: sends a forged X-Forwarded-For with a request that is refused, and reads
 * the record it left. That record is the only trace of a doctor's visit.
 */
export async function checkProxy(site: Site, attempts: AttemptStore): Promise<Finding> {
  const { info } = about('proxy');
  const since = Date.now() - 60_000;
  const userAgent = `${site.userAgent} ${randomBytes(6).toString('hex')}`;
  await ask({ ...site, userAgent }, `${site.origin}${site.mount}/authentication/verify`, {
    method: 'POST',
    headers: {
      origin: site.origin,
      'content-type': 'application/json',
      'x-forwarded-for': FORGED,
      'user-agent': userAgent,
    },
    body: '{}',
  });
  const until = Date.now() + RECORD_MS;
  do {
    const found = (await attempts.list({ since, limit: 200 })).find(({ client }) => client.userAgent === userAgent);
    if (found !== undefined) return judgeAddress(found.client.address, new URL(site.origin).hostname);
    await setTimeout(200, undefined, { signal: site.signal }).catch(() => site.signal.throwIfAborted());
  } while (Date.now() < until);
  return info(
    'The record of a request of ours did not come to this store',
    'Is this the store that the site keeps its records in? Without it, proxy headers cannot be checked.',
  );
}

/** What the address in a record says, when the request came with a forged one to a site of this name. */
export function judgeAddress(address: string | null, host: string): Finding {
  const { ok, info, warning, error } = about('proxy');
  const limits = 'Rate limits count by it, and records show it.';
  if (address === null) return warning('Records have no client address', `Let the framework tell it. ${limits}`);
  if (address === FORGED) {
    return isNear(host)
      ? info(
          'The application believes X-Forwarded-For from this machine itself, where a proxy of yours may be',
          'Run this from outside, to see whether it believes strangers too.',
        )
      : error(
          'The application believes an X-Forwarded-For that a client sent',
          `Trust your own proxies only (trust proxy, app.proxy with maxIpsCount, trustProxy). ${limits}`,
        );
  }
  if (isNear(address) && !isNear(host)) {
    return error(
      `The application takes ${address} for the client's address: that is your proxy`,
      `Let it trust that proxy (trust proxy, app.proxy, trustProxy). ${limits} Now all people share one limit.`,
    );
  }
  return ok(`The application takes ${address} for this client's address, and no forged one`);
}

/** Loopback and private addresses. */
function isNear(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '').replace(/^::ffff:/i, '');
  return (
    plain === 'localhost' ||
    /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.)/.test(plain) ||
    /^(::1$|f[cd]|fe80:)/i.test(plain)
  );
}
