/** What a check found, in the shape that `latchkey doctor` prints. */

export type Severity = 'ok' | 'info' | 'warning' | 'error';

export interface Finding {
  /** What was checked: a stable name, for programs. */
  readonly check: string;
  readonly severity: Severity;
  readonly saw: string;
  /** What to do; null where there is nothing to do. */
  readonly todo: string | null;
}

/** Findings of one check. */
export const about = (check: string) => ({
  ok: (saw: string): Finding => ({ check, severity: 'ok', saw, todo: null }),
  info: (saw: string, todo: string | null = null): Finding => ({ check, severity: 'info', saw, todo }),
  warning: (saw: string, todo: string): Finding => ({ check, severity: 'warning', saw, todo }),
  error: (saw: string, todo: string): Finding => ({ check, severity: 'error', saw, todo }),
});

/** A clock beside this machine's, in milliseconds. Up to `exact` the difference says nothing. */
export function judgeClock(check: string, whose: string, aheadMs: number, exact: number): Finding {
  const { ok, warning, error } = about(check);
  const off = Math.max(0, Math.abs(aheadMs) - exact);
  const seconds = `${(Math.abs(aheadMs) / 1_000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  if (off < 2_000) return ok(`${whose} clock agrees with this machine's`);
  const todo =
    'Run NTP on all of them: challenges expire by the clock of the server that looks, and records are ordered by it.';
  const saw = `${whose} clock is ${seconds}`;
  return off < 30_000 ? warning(saw, todo) : error(saw, todo);
}
