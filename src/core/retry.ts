/** Exponential backoff with full jitter: a random time between 0 and `baseMs * 2^attempt`, at most `maxMs`. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

export const DEFAULT_BACKOFF: Backoff = { baseMs: 500, maxMs: 30_000 };

/** Longest `Retry-After` that is obeyed; longer ones are cut to this. */
export const RETRY_AFTER_MAX_MS = 60_000;

/** @param attempt 0 for the wait before the second try. */
export function backoffMs(
  attempt: number,
  backoff: Backoff = DEFAULT_BACKOFF,
  random: () => number = Math.random,
): number {
  return random() * Math.min(backoff.maxMs, backoff.baseMs * 2 ** attempt);
}

/**
 * Reads `Retry-After` in both forms (RFC 9110 §10.2.3), clamped to 0..{@link RETRY_AFTER_MAX_MS}.
 *
 * @returns Milliseconds, or undefined when absent or unreadable.
 */
export function retryAfterMs(header: string | null, nowS: number): number | undefined {
  if (header === null) return undefined;
  const text = header.trim();
  const ms = /^-?\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowS * 1000;
  if (Number.isNaN(ms)) return undefined;
  return Math.min(Math.max(ms, 0), RETRY_AFTER_MAX_MS);
}
