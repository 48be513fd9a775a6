/** What the types of the record prevent. Compiled by `npm run types`, never run. Each `@ts-expect-error` stands above a mistake that must not compile; these files are the only ones that may have it. */
import { ATTEMPT_SCHEMA, type AttemptRecord, type EventName, REASON_MEANINGS, type Reason } from '@latchkey/core';

type Members<T> = { readonly [Name in keyof T]-?: object };

/** The schema has every member of the record, */
export const SCHEMA: Members<AttemptRecord> = ATTEMPT_SCHEMA.properties;
/** and none beside. */
export const RECORD: Members<typeof ATTEMPT_SCHEMA.properties> = {} as Members<AttemptRecord>;

declare const record: AttemptRecord;

export const RIGHT = [() => REASON_MEANINGS[record.reason ?? 'no_response'].advice];

export const WRONG = [
  // @ts-expect-error A record is frozen.
  () => (record.outcome = 'success'),
  // @ts-expect-error So are its parts.
  () => (record.user.id = 'somebody else'),
  // @ts-expect-error Nobody signs a UI mode: there is no such evidence.
  () => record.immediate.evidence === 'verified',
  // @ts-expect-error The list of reasons is closed.
  (): Reason => 'because',
  // @ts-expect-error So is the list of names.
  (): EventName => 'latchkey.signin.success',
];
