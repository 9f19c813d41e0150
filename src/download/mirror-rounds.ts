import { type ErrorCode, isLarderError } from "../core/index.ts";
import { isFinal, type MirrorFailure, summarize } from "./failures.ts";

/** Waiting for these takes long, so other mirrors are asked before another try. */
const SLOW: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["UPSTREAM_TIMEOUT", "UPSTREAM_UNREACHABLE"]);

/** How often a mirror may fail in this way before it is left. */
export type TriesFor = (error: unknown) => number;

/**
 * Asks mirror after mirror until one gives what is missing. One that cannot be reached, stalls or crawls is left after its first
 * failure while there are others, and has its other tries when those have failed too.
 *
 * @throws {LarderError} What no mirror can mend, or one error for all of them.
 */
export async function askMirrors(
  mirrors: readonly string[],
  ask: (address: string, index: number, triesFor: TriesFor) => Promise<void>,
  { tries, signal, mayLeave }: {
    readonly tries: number;
    readonly signal: AbortSignal;
    /** False while leaving a mirror would mean to lose what it gave. */
    readonly mayLeave: () => boolean;
  },
): Promise<void> {
  const failures = new Map<string, MirrorFailure>();
  const rounds: TriesFor[] = mirrors.length === 1
    ? [() => tries]
    : [(error) => isSlow(error) && mayLeave() ? 1 : tries, () => tries - 1];
  for (const triesFor of rounds) {
    for (const [index, address] of mirrors.entries()) {
      const before = failures.get(address);
      if (before !== undefined && (!isSlow(before.error) || tries === 1)) continue;
      try {
        return await ask(address, index, triesFor);
      } catch (error) {
        signal.throwIfAborted();
        if (isFinal(error)) throw error;
        failures.set(address, { address, error });
      }
    }
  }
  throw summarize([...failures.values()]);
}

function isSlow(error: unknown): boolean {
  return isLarderError(error) && SLOW.has(error.code);
}
