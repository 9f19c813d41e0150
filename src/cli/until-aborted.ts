import { LarderError, onAbort } from "../core/index.ts";

/**
 * The answer, or CANCELLED as soon as the signal aborts. The work goes on without us: closing the home, or the server, ends it.
 *
 * @param what As in "Cannot …: interrupted".
 */
export async function untilAborted<T>(signal: AbortSignal, what: string, work: Promise<T>): Promise<T> {
  let forget = () => {};
  const aborted = new Promise<never>((_, reject) => {
    forget = onAbort(signal, () => reject(new LarderError("CANCELLED", `Cannot ${what}: interrupted`)));
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    forget();
  }
}
