import { spawnWorker } from "../../core/index.ts";
import type { FromRunner, ToRunner } from "./messages.ts";

/** The first argument of this program when it is to be the process of one model; nothing that a user types. */
export const MODEL_PROCESS = "--model-process";

/**
 * Is the process of one model until the process that started it goes, or kills it. The work is done in a thread as in
 * that process, so that this one notices at any time when it is alone.
 */
export function runModelProcess(): Promise<never> {
  if (process.send === undefined) process.exit(2);
  const worker = spawnWorker("runtimes/runner/model");
  worker.onmessage = ({ data }: MessageEvent<FromRunner>) => void process.send?.(data);
  worker.onerror = () => process.exit(1);
  worker.addEventListener("close", () => process.exit(1));
  process.on("message", (message: ToRunner) => worker.postMessage(message));
  // There is nothing to save, and native code that is under way could make a slower end a crash.
  process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
  // A terminal and a service manager signal all processes of a group; when this one ends is decided by the other.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  return new Promise(() => {});
}
