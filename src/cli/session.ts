import { isLarderError, LarderError } from "../core/index.ts";
import type { OpenedHome, VerbContext } from "./cli-types.ts";
import type { CliApi } from "./models-api.ts";
import { connectOwner } from "./remote.ts";
import { socketPathOf } from "./socket-path.ts";

/** Between two looks whether the home is free or its owner has begun to listen. */
const LOOK_MS = 200;
const NOTE_AFTER_MS = 1_000;

export interface Session {
  readonly api: CliApi;
  /** This process owns the home; false when a running server does the work. */
  readonly owned: boolean;
}

/**
 * Runs `use` against the home: through its owner when one listens, else in this process, which owns it meanwhile.
 *
 * @throws {LarderError} HOME_LOCKED when another verb held the home for all of `--wait`.
 */
export async function withApi<T>(context: VerbContext, use: (session: Session) => Promise<T>): Promise<T> {
  const { api, home } = await findApi(context);
  try {
    return await use({ api, owned: home !== undefined });
  } finally {
    await home?.close();
  }
}

async function findApi(context: VerbContext): Promise<{ api: CliApi; home?: OpenedHome }> {
  const { clock, config, parts, signal, verb } = context;
  const startMs = clock.monotonicMs();
  const deadlineMs = startMs + config.waitS * 1000;
  const sayOnce = noteOnce(context);
  for (;;) {
    const remote = await connectOwner(socketPathOf(config));
    if (remote) return { api: remote };
    try {
      const home = await parts.openHome(config, { verb, waitMs: 0, signal });
      return { api: home.library, home };
    } catch (error) {
      if (!isLarderError(error, "HOME_LOCKED") || clock.monotonicMs() >= deadlineMs) throw error;
      if (clock.monotonicMs() - startMs >= NOTE_AFTER_MS) sayOnce(error);
      await pause(context, Math.min(LOOK_MS, Math.max(1, deadlineMs - clock.monotonicMs())));
    }
  }
}

function noteOnce({ config, output }: VerbContext): (error: LarderError) => void {
  let said = false;
  return (error) => {
    if (said) return;
    said = true;
    output.note(`Waiting up to ${config.waitS} s. ${error.message}`);
  };
}

async function pause({ clock, signal }: VerbContext, ms: number): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new LarderError("CANCELLED", "Cannot wait for the home any longer: interrupted");
  }
}
