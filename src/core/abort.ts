/** Runs `stop` once when the signal aborts; returns the function that forgets it. */
export function onAbort(signal: AbortSignal, stop: (reason: unknown) => void): () => void {
  if (signal.aborted) {
    stop(signal.reason);
    return () => {};
  }
  const listener = () => stop(signal.reason);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** What comes first: the end of shared work, or the signal's reason. The work goes on for whoever else waits for it. */
export function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const forget = onAbort(signal, (reason) => aborted.reject(reason));
  return Promise.race([work, aborted.promise]).finally(forget);
}
