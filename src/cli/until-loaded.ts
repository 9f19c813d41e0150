import { isLarderError, LarderError } from "../core/index.ts";
import type { VerbContext } from "./cli-types.ts";
import { untilAborted } from "./until-aborted.ts";

/** Between two times of asking: a server may be set to let nobody wait. */
const PAUSE_MS = 250;

/**
 * Asks again for as long as the model is being loaded, and tells what it waits for when that changes.
 *
 * @param what As in "Cannot …: interrupted".
 */
export async function untilLoaded<T>(
  { clock, output, signal }: VerbContext,
  what: string,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  let told = "";
  for (;;) {
    try {
      return await untilAborted(signal, what, ask(signal));
    } catch (error) {
      if (!isLarderError(error, "MODEL_LOADING")) throw error;
      if (error.message !== told) output.note(`${error.message}. Waiting.`);
      told = error.message;
    }
    await clock.sleep(PAUSE_MS, signal).catch(() => {
      throw new LarderError("CANCELLED", `Cannot ${what}: interrupted`);
    });
  }
}
