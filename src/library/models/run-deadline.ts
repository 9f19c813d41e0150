import { type Clock, isLarderError, LarderError } from "../../core/index.ts";

export interface RunDeadline {
  readonly clock: Clock;
  /** When the call came, by the clock that never goes back. */
  readonly startMs: number;
  /** From then on; 0 says nothing of the run: only that no load is waited for. */
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /** Of the model, for people. */
  readonly label: () => string;
}

/**
 * Runs a model within what is left of a call's time. A run that has begun goes on unseen and leaves the model as it was; one that waits
 * for its turn never begins.
 *
 * @throws {LarderError} DEADLINE_EXCEEDED
 */
export async function withinDeadline<T>(
  { clock, startMs, deadlineMs = 0, signal, label }: RunDeadline,
  run: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (deadlineMs === 0) return await run(signal);
  const [late, ended] = [new AbortController(), new AbortController()];
  const leftMs = Math.max(0, startMs + deadlineMs - clock.monotonicMs());
  clock.sleep(leftMs, ended.signal).then(() => late.abort(), () => {});
  try {
    return await run(AbortSignal.any([late.signal, ...(signal === undefined ? [] : [signal])]));
  } catch (error) {
    const isLate = late.signal.aborted && !signal?.aborted && isLarderError(error, "CANCELLED");
    throw isLate ? deadlineExceeded(label(), deadlineMs) : error;
  } finally {
    ended.abort();
  }
}

function deadlineExceeded(label: string, deadlineMs: number): LarderError {
  return new LarderError(
    "DEADLINE_EXCEEDED",
    `Cannot answer within ${deadlineMs} ms: ${label} takes longer`,
    {
      retryable: true,
      field: "deadline_ms",
      hint: "Give it more time, or less to do.",
      details: { deadline_ms: deadlineMs },
    },
  );
}
