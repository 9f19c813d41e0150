import { Readable } from "node:stream";
import { type CliEnvironment, type CliParts, runCli, TextStream } from "../../src/cli/index.ts";
import { systemClock } from "../../src/core/index.ts";
import type { LarderApi } from "../../src/library/index.ts";

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout as JSON. */
  readonly documents: readonly Record<string, unknown>[];
}

export interface RunOptions {
  /** What the home of this process answers; a call of anything else throws. */
  readonly api?: Partial<LarderApi>;
  readonly parts?: Partial<CliParts>;
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly terminal?: boolean;
}

/** Runs one command line in this process on strings instead of streams. No settings file of this machine is read. */
export async function larder(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  let stdout = "";
  let stderr = "";
  const code = await runCli({
    argv,
    env: { HOME: "/nonexistent", ...options.env },
    cwd: options.cwd ?? "/",
    stdin: () => Readable.from([options.stdin ?? ""]),
    stdout: new TextStream({ write: (text, done) => (stdout += text, done()) }),
    stderr: new TextStream({
      write: (text, done) => (stderr += text, done()),
      isTTY: options.terminal === true,
      columns: 80,
    }),
    clock: systemClock,
    signal: options.signal ?? new AbortController().signal,
    parts: partsOf(options),
    configureLog: () => {},
  });
  return { code, stdout, stderr, documents: documentsOf(stdout) };
}

function partsOf({ api = {}, parts }: RunOptions): CliEnvironment["parts"] {
  return {
    openHome: () => Promise.resolve({ library: api as LarderApi, close: () => Promise.resolve() }),
    serve: () => Promise.reject(new Error("no server in this test")),
    inspectRegistry: () => ({ state: "absent", schema: null, schemaKnown: 1 }),
    ...parts,
  };
}

function documentsOf(stdout: string): Record<string, unknown>[] {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
