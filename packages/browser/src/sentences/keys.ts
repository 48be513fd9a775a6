// What there are sentences for: every result and refusal that a person can do something about.

import type { RefusalCode } from '../refusals.ts';

/** Refusals of requests that a page should not have made: no person can do anything about them. */
export const notForPeople = [
  'malformed_request',
  'origin_not_allowed',
  'method_not_allowed',
  'content_too_large',
  'unsupported_media_type',
] as const satisfies RefusalCode[];

/** A kind of result that is no success, or the code of a refusal. `refused` is for the codes that are not for people. */
export type SentenceKey =
  | 'unavailable'
  | 'unreadable'
  | 'unsupported'
  | 'exists'
  | 'busy'
  | 'offline'
  | 'refused'
  | Exclude<RefusalCode, (typeof notForPeople)[number]>;

export type Sentences = { [key in SentenceKey]: string };
