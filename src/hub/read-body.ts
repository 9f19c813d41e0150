import { type Clock, LarderError } from "../core/index.ts";
import { bodyError, type NetResponse } from "../net/index.ts";

export interface BodyLimits {
  /** Read so much at most. */
  readonly bytesMax: number;
  /** With more than `bytesMax` the answer is refused, or what is beyond is left unread. */
  readonly beyond: "refuse" | "leave";
  /** Longest silence, in milliseconds. */
  readonly stallMs: number;
  /** Longest time for all of it, in milliseconds. */
  readonly bodyMs: number;
}

/** More bytes came than may be read. */
export class BodyTooLongError extends Error {}

/**
 * A body of limited length, in memory.
 *
 * @throws {BodyTooLongError}
 * @throws {LarderError} UPSTREAM_TIMEOUT, UPSTREAM_TRUNCATED, UPSTREAM_PROTOCOL
 */
export async function readBody(
  { body }: Pick<NetResponse, "body">,
  limits: BodyLimits,
  clock: Clock,
): Promise<Uint8Array> {
  const reader = body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const endMs = clock.monotonicMs() + limits.bodyMs;
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isEnded = false;
  try {
    while (limits.beyond === "refuse" || length < limits.bytesMax) {
      const leftMs = Math.min(limits.stallMs, endMs - clock.monotonicMs());
      const { done, value } = await inTime(reader.read(), leftMs, clock);
      isEnded = done;
      if (done) break;
      length += value.byteLength;
      if (length > limits.bytesMax && limits.beyond === "refuse") throw new BodyTooLongError();
      chunks.push(value);
    }
  } catch (error) {
    throw error instanceof BodyTooLongError ? error : bodyError(error);
  } finally {
    if (!isEnded) await reader.cancel().catch(() => {}); // the connection is given up: how it ends is of no interest
  }
  return Buffer.concat(chunks, Math.min(length, limits.bytesMax));
}

async function inTime<T>(work: Promise<T>, ms: number, clock: Clock): Promise<T> {
  const over = new AbortController();
  const late = clock.sleep(Math.max(ms, 0), over.signal).then(() => {
    throw new LarderError(
      "UPSTREAM_TIMEOUT",
      "Cannot read the hub's answer to its end: it comes too slowly",
      {
        retryable: true,
        hint: "Try again later, or name a mirror.",
        details: { reason: "stall" },
      },
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
    late.catch(() => {}); // the race has had its answer
    work.catch(() => {}); // the same
  }
}
