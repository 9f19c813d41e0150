import { spawnWorker } from "../../core/index.ts";
import { EMBEDDED } from "../native/embedded.ts";
import { Busy } from "./busy.ts";
import type { OpenLink } from "./link.ts";
import { MODEL_PROCESS } from "./model-process.ts";
import { openProcessLink } from "./process-link.ts";
import { RunnerClient, type RunnerEvents } from "./runner-client.ts";
import { openThreadLink } from "./thread-link.ts";

/**
 * Of the C library, for native code: nothing is reported to anybody, and a failed assertion ends the process without starting
 * a debugger on it.
 */
export const NATIVE_ENVIRONMENT: Readonly<Record<string, string>> = {
  ORT_DISABLE_TELEMETRY: "1",
  GGML_NO_BACKTRACE: "1",
  DO_NOT_TRACK: "1",
};

export interface StartOptions {
  /** Where processes of models live. */
  readonly folder: string;
  /** Starts this program as the process of one model. Default how it was started itself. */
  readonly command?: readonly string[];
  /** Starts the thread of one model. */
  readonly startThread?: () => Worker;
}

/** A runner that has nothing in it yet. */
export interface StartedRunner {
  readonly client: RunnerClient;
  /** Present in a thread. */
  readonly busy?: Busy;
}

export type StartRunner = (
  isolation: "thread" | "process",
  label: string,
  events: RunnerEvents,
) => StartedRunner;

export function runnerStarter(options: StartOptions): StartRunner {
  const { folder, command = ownCommand(), startThread = () => spawnWorker("runtimes/runner/model") } =
    options;
  const openProcess: OpenLink = (link) =>
    openProcessLink({ command, folder, environment: NATIVE_ENVIRONMENT }, link);
  return (isolation, label, events) => {
    if (isolation === "process") return { client: new RunnerClient({ ...events, label, open: openProcess }) };
    const busy = new Busy();
    const open: OpenLink = (link) => openThreadLink(startThread, busy, link);
    return { client: new RunnerClient({ ...events, label, open }), busy };
  };
}

/** The very executable that runs now: another one may have taken its place on the disk. */
function ownCommand(): readonly string[] {
  const self = process.platform === "linux" ? `/proc/${process.pid}/exe` : process.execPath;
  return EMBEDDED === undefined ? [process.execPath, Bun.main, MODEL_PROCESS] : [self, MODEL_PROCESS];
}
