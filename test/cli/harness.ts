import { PassThrough, Readable } from "node:stream";
import {
  type CliApi,
  type CliEnvironment,
  type CliParts,
  type ModelsApi,
  runCli,
  TextStream,
} from "../../src/cli/index.ts";
import { systemClock } from "../../src/core/index.ts";
import type { LarderApi } from "../../src/library/index.ts";

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The lines of stdout as JSON. */
  readonly documents: readonly Record<string, unknown>[];
  /** What the terminal was told, one after the other: true hides what is typed. */
  readonly rawModes: readonly boolean[];
}

export interface RunOptions {
  /** What the home of this process answers; a call of anything else throws. */
  readonly api?: Partial<LarderApi> & {
    readonly models?: Partial<ModelsApi>;
    readonly preload?: CliApi["preload"];
  };
  readonly parts?: Partial<CliParts>;
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  /** Keys that a person types: standard input is then a terminal. */
  readonly typed?: string;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly terminal?: boolean;
}

/** Runs one command line in this process on strings instead of streams. No settings file of this machine is read. */
export async function larder(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  let stdout = "";
  let stderr = "";
  const rawModes: boolean[] = [];
  const code = await runCli({
    argv,
    env: { HOME: "/nonexistent", ...options.env },
    cwd: options.cwd ?? "/",
    stdin: () =>
      options.typed === undefined ? Readable.from([options.stdin ?? ""]) : keyboard(options.typed, rawModes),
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
  return { code, stdout, stderr, documents: documentsOf(stdout), rawModes };
}

/** A terminal that stays open; every key comes by itself, and only while nothing is shown of it. */
function keyboard(keys: string, rawModes: boolean[]): ReturnType<CliEnvironment["stdin"]> {
  const setRawMode = (isRaw: boolean) => {
    rawModes.push(isRaw);
    if (isRaw) { for (const key of keys) stream.write(key); }
  };
  const stream = Object.assign(new PassThrough(), { isTTY: true, setRawMode });
  return stream;
}

function partsOf({ api = {}, parts }: RunOptions): CliEnvironment["parts"] {
  return {
    openHome: () => Promise.resolve({ library: api as CliApi, close: () => Promise.resolve() }),
    serve: () => Promise.reject(new Error("no server in this test")),
    inspectRegistry: () => ({ state: "absent", schema: null, schemaKnown: 1 }),
    ...parts,
  };
}

function documentsOf(stdout: string): Record<string, unknown>[] {
  const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
