/** Says that a sink fails: the first failure at once, then at most once a minute, and once when the sink works again. */

/** A sink failed, or works again. */
export interface SinkNotice {
  /** `failing`: a write failed. `recovered`: a write succeeded after failures that were told. */
  readonly kind: 'failing' | 'recovered';
  /** The name of the sink. */
  readonly sink: string;
  /** Failed writes since the sink last worked. */
  readonly failures: number;
  /** Writes that wait to be tried again. */
  readonly waiting: number;
  /** What the sink threw last; null for `recovered`. */
  readonly cause: unknown;
  /** The same in a sentence. */
  readonly message: string;
}

const SAY_EVERY_MS = 60_000;

export function outageOf(sink: string, waiting: () => number, onNotice: (notice: SinkNotice) => void = warn) {
  let failures = 0;
  let told = false;
  let toldAt = Number.NEGATIVE_INFINITY;

  function tell(kind: SinkNotice['kind'], cause: unknown, what: string): void {
    try {
      onNotice({ kind, sink, failures, waiting: waiting(), cause, message: `${sink} ${what} ${waiting()} waiting.` });
    } catch {
      // A listener that throws must not cost a record.
    }
  }

  return {
    failed(cause: unknown): void {
      failures += 1;
      const now = performance.now();
      if (now - toldAt < SAY_EVERY_MS) return;
      told = true;
      toldAt = now;
      const times = failures === 1 ? 'a write failed' : `${failures} writes failed`;
      tell('failing', cause, `does not take what it is given: ${times}. Cause: ${reasonOf(cause)}.`);
    },
    worked(): void {
      if (told) tell('recovered', null, `works again. ${failures} writes failed before.`);
      failures = 0;
      told = false;
    },
  };
}

function warn({ kind, message }: SinkNotice): void {
  process.emitWarning(message, { type: 'LatchkeyAudit', code: kind });
}

export const reasonOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));
