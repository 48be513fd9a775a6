/**
 * What the environment says, read and checked once, before anything is opened. A wrong value is named with what to write
 * instead, and all wrong ones at once.
 */
import { randomBytes } from 'node:crypto';
import { type Duration, IMMEDIATE_MEDIATION, type ImmediateMediation } from '@latchkey/core';

export const FRAMEWORKS = ['express', 'koa', 'fastify'] as const;
export type Framework = (typeof FRAMEWORKS)[number];

/** Where everything is kept. A URL may hold a password: it is never printed. */
export type Place =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres' | 'mysql'; readonly url: string }
  | { readonly kind: 'redis'; readonly url: string };

export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly framework: Framework;
  readonly place: Place;
  readonly rpId: string;
  /** Undefined: http://localhost and whatever port it turns out to be. */
  readonly origin: string | undefined;
  readonly immediate: ImmediateMediation;
  readonly challengeTtl: Duration;
  readonly sweepEvery: Duration;
  readonly rateLimit: boolean;
  readonly auditLog: string | undefined;
  readonly identityKey: string;
  /** The name of the account that may open the page about people. */
  readonly operator: string;
}

/** What stands for a setting that was left out. What each is for, and the same defaults: help.txt. */
export const DEFAULTS = {
  PORT: '3000',
  HOST: '127.0.0.1',
  FRAMEWORK: 'express',
  STORE: 'sqlite:.demo/latchkey.sqlite',
  RP_ID: 'localhost',
  ORIGIN: 'http://localhost:PORT',
  IMMEDIATE: 'prefer',
  CHALLENGE_TTL: '2m',
  SWEEP_EVERY: '30s',
  RATE_LIMIT: 'on',
  AUDIT_LOG: '',
  IDENTITY_KEY: '',
  OPERATOR: 'operator',
} as const;

type Name = keyof typeof DEFAULTS;

/** Everything that is wrong with the environment, one sentence a line. */
export class SettingsError extends Error {}

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const wrong: string[] = [];
  /** An empty variable counts as one that was left out. */
  const given = (name: Name) => env[name]?.trim() || undefined;
  const value = (name: Name) => given(name) ?? DEFAULTS[name];

  function demand(holds: boolean, name: Name, instead: string): void {
    if (!holds) wrong.push(`${name} is ${JSON.stringify(value(name))}. ${instead}`);
  }

  function oneOf<const T extends string>(name: Name, allowed: readonly T[]): T {
    const found = allowed.find((one) => one === value(name));
    demand(found !== undefined, name, `Write one of ${allowed.join(', ')}.`);
    return found ?? allowed[0]!;
  }

  function duration(name: Name, least: number, most: number, range: string): number {
    const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(value(name)) ?? [];
    const ms = Number(amount) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? 'ms']!;
    demand(ms >= least && ms <= most, name, `Write a duration ${range}, such as '90s' or '2m'.`);
    return ms;
  }

  const port = Number(value('PORT'));
  demand(/^\d+$/.test(value('PORT')) && port <= 65_535, 'PORT', 'Write a number from 0 to 65535.');

  const rpId = value('RP_ID');
  const bareDomain = rpId === 'localhost' || /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*$/.test(rpId);
  demand(bareDomain, 'RP_ID', "Write a bare domain in lower case: 'localhost' or 'example.com'.");

  const origin = given('ORIGIN');
  const url = URL.parse(origin ?? 'http://localhost');
  const safe = url?.protocol === 'https:' || (url?.protocol === 'http:' && url.hostname === 'localhost');
  if (origin !== undefined && (url?.origin !== origin || !safe)) {
    demand(false, 'ORIGIN', "Write scheme, host and port only: 'https://example.com', or http on localhost.");
  } else if (bareDomain && url && url.hostname !== rpId && !url.hostname.endsWith(`.${rpId}`)) {
    wrong.push(
      `RP_ID is "${rpId}", but the pages are on ${url.hostname}. Set ORIGIN and RP_ID so that they belong together.`,
    );
  }

  const place = readPlace(value('STORE'));
  // Not its value: it may hold a password.
  if (!place)
    wrong.push(
      'STORE names no place to keep things. Write one of memory:, sqlite:FILE, postgres://…, mysql://…, redis://….',
    );

  const identityKey = given('IDENTITY_KEY');
  if (identityKey !== undefined && identityKey.length < 32) {
    wrong.push('IDENTITY_KEY is too short. Write at least 32 random characters, or leave it out.');
  }

  const settings: Settings = {
    host: value('HOST'),
    port,
    framework: oneOf('FRAMEWORK', FRAMEWORKS),
    place: place ?? { kind: 'memory' },
    rpId,
    origin,
    immediate: oneOf('IMMEDIATE', IMMEDIATE_MEDIATION),
    challengeTtl: duration('CHALLENGE_TTL', 1_000, 600_000, 'from 1s to 10m'),
    sweepEvery: duration('SWEEP_EVERY', 100, 86_400_000, 'from 100ms to 1d'),
    rateLimit: oneOf('RATE_LIMIT', ['on', 'off']) === 'on',
    auditLog: given('AUDIT_LOG'),
    identityKey: identityKey ?? randomBytes(32).toString('base64url'),
    operator: value('OPERATOR'),
  };
  if (wrong.length > 0) throw new SettingsError(wrong.join('\n'));
  return settings;
}

function readPlace(store: string): Place | undefined {
  if (store === 'memory:') return { kind: 'memory' };
  if (/^sqlite:.+/.test(store)) return { kind: 'sqlite', file: store.slice('sqlite:'.length) };
  const kinds = {
    postgres: 'postgres',
    postgresql: 'postgres',
    mysql: 'mysql',
    mariadb: 'mysql',
    redis: 'redis',
    rediss: 'redis',
  } as const;
  const scheme = URL.parse(store)?.protocol.slice(0, -1) ?? '';
  if (!Object.hasOwn(kinds, scheme)) return undefined;
  const kind = kinds[scheme as keyof typeof kinds];
  return { kind, url: scheme === 'mariadb' ? store.replace('mariadb', 'mysql') : store };
}
