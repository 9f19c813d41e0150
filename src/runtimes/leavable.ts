import { LarderError } from "../core/index.ts";

/** A call and what its caller gets: native code goes on after the caller has left. */
export interface Leavable<T> {
  readonly settled: Promise<unknown>;
  readonly answer: Promise<T>;
}

export function leftByCaller(): LarderError {
  return new LarderError("CANCELLED", "Cannot finish: the caller has left");
}

/** A call whose caller is let go when the signal aborts, while the call itself goes on to its end. */
export function leavable<T>(
  call: Promise<T>,
  signal: AbortSignal | undefined,
  settled: Promise<unknown> = call,
): Leavable<T> {
  const answer = signal === undefined ? call : Promise.race([call, aborted(signal, call)]);
  return { settled, answer };
}

/** Never resolves; rejects when the signal aborts before the call settles. */
function aborted(signal: AbortSignal, call: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(leftByCaller());
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    const forget = () => signal.removeEventListener("abort", leave);
    call.then(forget, forget);
  });
}
