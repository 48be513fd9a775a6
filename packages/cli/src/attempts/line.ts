/** One record in one line: when, how it ended, what it was, whose, from where, in which browser, and with which passkey. */
import type { AttemptRecord } from '@latchkey/core';
import { shortRef } from '../identity.ts';
import { bad, dim, good, type Output, type Piece, warning } from '../terminal/output.ts';
import { browserOf } from './browser.ts';
import { providerOf, wordOf } from './filters.ts';

export function show(record: AttemptRecord, nickname: string | null, out: Output): void {
  out.document(record);
  const { event, outcome, reason, attempt, immediate, user } = record;
  out.line(
    dim(event.time),
    ' ',
    toneOf(record)(wordOf(outcome).padEnd(9)),
    ` ${event.name.replace('latchkey.', '').padEnd(20)} ${(attempt.mode ?? '-').padEnd(11)} ${immediate.enforcement.padEnd(14)} `,
    `${attempt.id}  user ${user.id ?? user.hash ?? '-'}`,
    ...(reason === null ? [] : ['  ', toneOf(record)(reason)]),
    `  from ${placeOf(record)}`,
    ...(record.credential.ref === null ? [] : [`  passkey ${passkeyOf(record, nickname)}`]),
    ...(hasCounterFallen(record) ? ['  ', bad('counter went back')] : []),
    ...((event.repeatCount ?? 1) > 1 ? [`  ${event.repeatCount} times`] : []),
  );
}

/** A counter that went back may be a copied passkey, also where policy let it in. */
export const hasCounterFallen = ({ assertion }: AttemptRecord): boolean => assertion.signCount === 'regressed';

export function toneOf(record: AttemptRecord): (text: string) => Piece {
  if (record.outcome === 'failure' || record.outcome === 'error') return bad;
  return record.outcome === 'success' && !hasCounterFallen(record) ? good : warning;
}

/** `192.0.2.7, Chrome on Windows`. */
export function placeOf({ client }: AttemptRecord): string {
  return `${client.address ?? 'no address'}, ${browserOf(client.userAgent)}`;
}

/** `3fJk9aQz “Phone”, Apple Passwords, on another device`. */
export function passkeyOf(record: AttemptRecord, nickname: string | null): string {
  const { ref, attachmentReported } = record.credential;
  const named = nickname === null ? '' : ` “${nickname}”`;
  const where = attachmentReported === 'cross-platform' ? 'on another device' : '';
  return [`${ref === null ? '-' : shortRef(ref)}${named}`, providerOf(record), where].filter(Boolean).join(', ');
}
