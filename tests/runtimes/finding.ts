// What the programs that run the contract tell `npm run runtimes`, and what it writes down.

/** How the contract went on one framework with one store, and one conversation with it, to be compared with others. */
export interface Finding {
  readonly framework: string;
  readonly store: string;
  readonly rules: number;
  readonly failed: readonly { readonly rule: string; readonly why: string }[];
  readonly exchange: unknown;
}

/** One line of the table. */
export interface Result {
  readonly runtime: string;
  readonly framework: string;
  readonly store: string;
  readonly rules: number;
  readonly passed: number;
  /** Whether the conversation was answered as by the first. */
  readonly same: boolean;
}
