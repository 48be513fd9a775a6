/** Time limits for a busy machine: how much slower it is was measured before the tests began (vitest.config.ts). */

/** `ms` of an idle machine on this one; a whole number. For limits that do not say what Latchkey promises. */
export function atThisSpeed(ms: number): number {
  return Math.ceil(ms * Number(process.env.LATCHKEY_SLOWNESS ?? 1));
}
