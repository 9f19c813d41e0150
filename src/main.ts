import { configureLogging, exitOfSignal, runCli, TextStream } from "./cli/index.ts";
import { logger, systemClock } from "./core/index.ts";
import { MODEL_PROCESS, runModelProcess } from "./runtimes/index.ts";
import { parts } from "./wire.ts";

// This program again, as the process of one model that another process has started.
if (process.argv[2] === MODEL_PROCESS) await runModelProcess();

/** How long a verb may take to stop after an error that nobody caught. */
const CRASH_STOP_MS = 5_000;

/** One Ctrl-C arrives twice when a program that we run under passes it on as well. */
const SAME_SIGNAL_MS = 100;

const stdout = new TextStream(process.stdout);
const stderr = new TextStream(process.stderr);
const stopping = new AbortController();
let crashed = false;

// The first signal asks for an orderly stop; a second one means now. What is on disk is right at any moment.
let firstSignalMs = Infinity;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (performance.now() - firstSignalMs > SAME_SIGNAL_MS) process.exit(exitOfSignal(signal));
    firstSignalMs = Math.min(firstSignalMs, performance.now());
    stopping.abort(signal);
  });
}

// A promise that nobody waited for breaks one request at most, so the process goes on.
process.on("unhandledRejection", (error) => {
  logger("main").error("Nobody waited for what failed: {error}", { error: textOf(error) });
});

// After a throw out of nowhere nobody knows what state is left: stop in order and say so by the exit code.
process.on("uncaughtException", (error) => {
  logger("main").fatal("Nobody caught: {error}", { error: textOf(error) });
  crashed = true;
  setTimeout(() => process.exit(exitOfSignal(undefined)), CRASH_STOP_MS).unref();
  stopping.abort("uncaughtException");
});

function textOf(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

const code = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdin: () => process.stdin,
  stdout,
  stderr,
  clock: systemClock,
  signal: stopping.signal,
  parts,
  configureLog: (settings) => configureLogging(stderr, settings),
});
// Not left to an empty event loop: an idle worker or connection may not keep a finished verb alive.
process.exit(crashed ? exitOfSignal(undefined) : code);
