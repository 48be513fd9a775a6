/**
 * Copies of what core has and does not export yet: how durations are written, and how a record names a passkey. To be
 * replaced by imports of `milliseconds` and `pseudonymizer` from core.
 */
import { createHash, createHmac } from 'node:crypto';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a duration: `90s`, `2m`, `12h`, `7d`. Null for anything else. */
export function milliseconds(text: string): number | null {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(amount) * (UNITS[unit] ?? Number.NaN);
  return Number.isFinite(ms) ? ms : null;
}

/** The pseudonyms that core makes with an identity key (`audit.identityKey`). */
export interface Pseudonymizer {
  /** Tells keys apart: 8 hexadecimal digits, part of each pseudonym. */
  readonly keyId: string;
  /** `hmac-sha256:<key id>:<132 bits>`. */
  pseudonym(value: Uint8Array | string): string;
}

export function pseudonymizer(key: string): Pseudonymizer {
  const keyId = createHash('sha256').update('latchkey key id').update(key).digest('hex').slice(0, 8);
  return {
    keyId,
    pseudonym(value) {
      const mac = createHmac('sha256', key).update('latchkey pseudonym\0').update(value).digest('base64url');
      return `hmac-sha256:${keyId}:${mac.slice(0, 22)}`;
    },
  };
}
