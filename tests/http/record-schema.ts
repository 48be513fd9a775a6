/** Every record in every test passes here: it must be valid against the published schema, whose last part states the invariants. */
import { ATTEMPT_SCHEMA, type AttemptRecord } from '@latchkey/core';
import { Ajv2020 } from 'ajv/dist/2020.js';

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addFormat('uuid', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const validate = ajv.compile(ATTEMPT_SCHEMA);

export function assertValidRecord(record: AttemptRecord): void {
  if (validate(record)) return;
  throw new Error(`${ajv.errorsText(validate.errors)}\n${JSON.stringify(record, null, 2)}`);
}
