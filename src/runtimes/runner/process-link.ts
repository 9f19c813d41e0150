import { memoryOf } from "../native/process-memory.ts";
import type { Link, LinkEvents, RunnerEnd } from "./link.ts";
import type { FromRunner } from "./messages.ts";

/** What a child may know of this process's environment: nothing that holds a secret or changes what runs. */
const PASSED = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"];
/** Of what it wrote to stderr, enough for the reason of a failed assertion. */
const STDERR_CHARS_MAX = 16 * 1024;
/** What a child started may hold its stderr open after it has ended. */
const STDERR_GRACE_MS = 200;

export interface ProcessLinkOptions {
  /** Starts this program as a runner. */
  readonly command: readonly string[];
  /** Its working directory, and its `HOME`: whatever it writes stays in there. */
  readonly folder: string;
  /** Of the C library, which a child takes over with the rest. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A runner in a process of its own: it can be killed at any time, and nothing that it does harms this one. */
export function openProcessLink(options: ProcessLinkOptions, events: LinkEvents): Link {
  let isOver = false;
  const child = Bun.spawn([...options.command], {
    stdio: ["ignore", "ignore", "pipe"],
    cwd: options.folder,
    env: environmentOf(options),
    serialization: "advanced",
    ipc: (message: FromRunner) => {
      if (!isOver) events.message(message);
    },
  });
  child.unref();
  const said = new Tail(child.stderr);
  const ended = child.exited.then(async (code) => {
    if (isOver) return;
    isOver = true;
    await Promise.race([said.complete, Bun.sleep(STDERR_GRACE_MS)]);
    events.ended(endOf(code, child.signalCode, said.text));
  });
  return {
    post: (message) => {
      if (!isOver) child.send(message);
    },
    hold: (isWaiting) => (isWaiting ? child.ref() : child.unref()),
    ownBytes: () => memoryOf(child.pid),
    end: async () => {
      isOver = true;
      child.kill("SIGKILL");
      await ended;
    },
    abandon: () => {
      isOver = true;
      child.kill("SIGKILL");
    },
  };
}

function environmentOf({ folder, environment }: ProcessLinkOptions): Record<string, string> {
  const passed = PASSED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(passed), ...environment, HOME: folder };
}

function endOf(code: number, signal: NodeJS.Signals | number | null, said: string): RunnerEnd {
  const assertion = /^.*(GGML_ASSERT\(.*|terminate called.*|what\(\):.*)$/m.exec(said)?.[1];
  const reason = assertion === undefined ? "" : `: ${assertion}`;
  return signal === null
    ? { what: `process ended with exit code ${code}${reason}` }
    : { what: `process was ended by ${signal}${reason}`, signal: String(signal) };
}

/** Reads a stream to its end and keeps the last of it. */
class Tail {
  text = "";
  readonly complete: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.complete = this.#read(stream);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.text = (this.text + decoder.decode(bytes, { stream: true })).slice(-STDERR_CHARS_MAX);
    }
  }
}
