/** Who is compared, by name, and what each one is made of. */

export const FRAMEWORKS = ['express', 'koa', 'fastify'] as const;
export const STORES = ['memory', 'sqlite', 'postgres', 'redis'] as const;
export type Framework = (typeof FRAMEWORKS)[number];
export type StoreKind = (typeof STORES)[number];

export interface Contestant {
  readonly name: string;
  /**
   * - `latchkey`: what an application mounts.
   * - `limit`: the framework answering two JSON posts, and one signature verified. Nobody can sign in for less.
   * - `limit+`: that, a session of the framework's usual library rotated and written, and a line of a record's size.
   * - `hand-wired`: @simplewebauthn/server and express-session, as their documentation shows.
   * - `better-auth`: with its passkey plugin.
   */
  readonly kind: 'latchkey' | 'limit' | 'limit+' | 'hand-wired' | 'better-auth';
  readonly framework: Framework;
  readonly store: StoreKind;
  /** Open ceremonies are kept in the process instead. */
  readonly challengesInMemory?: true;
}

export const CONTESTANTS: readonly Contestant[] = [
  ...FRAMEWORKS.map((framework) => contestant(`limit-${framework}`, 'limit', framework, 'memory')),
  ...STORES.flatMap((store) => [
    ...FRAMEWORKS.map((framework) => contestant(`limit+${framework}-${store}`, 'limit+', framework, store)),
    ...FRAMEWORKS.map((framework) => contestant(`${framework}-${store}`, 'latchkey', framework, store)),
    contestant(`hand-wired-${store}`, 'hand-wired', 'express', store),
    // It keeps passkeys in a database only; what it has for memory looks through everything, and is for tests.
    ...(store === 'redis' || store === 'memory'
      ? []
      : [contestant(`better-auth-${store}`, 'better-auth', 'express', store)]),
  ]),
  // For an application of one process.
  { ...contestant('express-sqlite+memory', 'latchkey', 'express', 'sqlite'), challengesInMemory: true },
];

function contestant(name: string, kind: Contestant['kind'], framework: Framework, store: StoreKind): Contestant {
  return { name, kind, framework, store };
}
