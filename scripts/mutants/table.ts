/** The mutants: what could be forgotten in a change, each with the tests that must notice. */
import type { Mutant } from './mutate.ts';
import { ADAPTER_MUTANTS } from './table/adapters.ts';
import { AUDIT_MUTANTS } from './table/audit.ts';
import { BROWSER_MUTANTS } from './table/browser.ts';
import { CORE_MUTANTS } from './table/core.ts';
import { STORE_MUTANTS } from './table/stores.ts';

export const MUTANTS: readonly Mutant[] = [
  ...CORE_MUTANTS,
  ...STORE_MUTANTS,
  ...ADAPTER_MUTANTS,
  ...AUDIT_MUTANTS,
  ...BROWSER_MUTANTS,
];
