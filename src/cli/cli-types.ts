import type { Config } from "../config/index.ts";
import type { Clock } from "../core/index.ts";
import type { LogSettings } from "./log-sink.ts";
import type { CliApi } from "./models-api.ts";
import type { Output } from "./output.ts";
import type { TextStream } from "./text-stream.ts";

/** This process owns the home and has its library open. */
export interface OpenedHome {
  readonly library: CliApi;
  /** Stops transfers keeping what can be resumed, closes everything, lets the home go. */
  close(): Promise<void>;
}

/** A server that listens. */
export interface Serving {
  /** `http://127.0.0.1:7420` */
  readonly url: string;
  /** What clients of the hub are given as `HF_ENDPOINT`. */
  readonly hubUrl?: string;
  readonly socketPath: string;
  /** A model to try, when there is one. */
  readonly demoModel?: string;
  /** Drains, closes, lets the home go; within the configured time. */
  close(): Promise<void>;
}

/** What can be seen of a registry without opening it. */
export interface RegistryReport {
  readonly state: "sound" | "absent" | "damaged";
  readonly schema: number | null;
  /** The newest schema that this executable reads. */
  readonly schemaKnown: number;
}

export interface OpenOptions {
  /** What this process does with the home, for whoever waits for it. */
  readonly verb: string;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

export interface ServeOptions extends OpenOptions {
  /** Offers a model to try. */
  readonly demo: boolean;
}

/** What the verbs need and this folder may not import: built in wire.ts. */
export interface CliParts {
  /** Takes the home for this process. @throws {LarderError} HOME_LOCKED after `waitMs`, and what opening gives. */
  openHome(config: Config, options: OpenOptions): Promise<OpenedHome>;
  /** @throws {LarderError} HOME_LOCKED, PORT_IN_USE, CONFIG, SCHEMA_NEWER. */
  serve(config: Config, options: ServeOptions): Promise<Serving>;
  inspectRegistry(config: Config): RegistryReport;
}

export type StandardInput = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  /** Of a terminal: off, it echoes and gives whole lines. */
  setRawMode?(isRaw: boolean): unknown;
};

/** The process around a verb. */
export interface CliEnvironment {
  /** Without the executable's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** A function, because already looking at it may begin to read. */
  stdin(): StandardInput;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly clock: Clock;
  /** Aborts at the first SIGINT or SIGTERM; the reason is the signal's name. */
  readonly signal: AbortSignal;
  readonly parts: CliParts;
  /** Called once, when it is known where log records go. */
  configureLog(settings: LogSettings): void;
}

/** What the handler of a verb gets. */
export interface VerbContext extends CliEnvironment {
  readonly verb: string;
  readonly config: Config;
  readonly output: Output;
}
