import type { DataFiles } from "./data-files.ts";
import type { Processes } from "./processes.ts";

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** What a bench is given. */
export interface BenchContext {
  /** The executable under test: a copy, so that a build meanwhile changes nothing. */
  readonly larder: string;
  /** Empty, only for this bench, on the same file system as {@link data}; removed afterwards. */
  readonly folder: string;
  /** What nginx serves: {@link data} and {@link folder} are below it. */
  readonly root: string;
  readonly data: DataFiles;
  readonly processes: Processes;
  /** How often each side is measured. */
  readonly pairs: number;
  readonly quick: boolean;
  /** The size to use for a nominal one: an eighth of it in a quick run. */
  size(bytes: number): number;
  /** Tells the person who waits what goes on. */
  say(text: string): void;
}

export type Unit = "s" | "ms" | "µs" | "KiB" | "MiB" | "%" | "/s" | "times" | "requests";

/** What is wanted of the ratio to the peer, or of Larder's own number where there is no peer. */
export type Aim = { readonly atMost: number } | { readonly atLeast: number };

/** One line of a table: a number measured several times, beside that of a peer. */
export interface Row {
  readonly what: string;
  /** The peer's name; absent when the number stands alone. */
  readonly against?: string;
  readonly unit: Unit;
  readonly larder: readonly number[];
  /** Measured in turns with `larder`. */
  readonly peer?: readonly number[];
  /** Absent where the row is there for information. */
  readonly aim?: Aim;
  /** How several measurements become one number; the median unless said otherwise. */
  readonly statistic?: "median" | "max";
}

export interface Bench {
  /** What it is called on the command line. */
  readonly name: string;
  readonly title: string;
  /** Programs that have to be installed. */
  readonly needs: readonly string[];
  run(context: BenchContext): Promise<readonly Row[]>;
}

/** Where and with what a bench was run. */
export interface Environment {
  readonly machine: Readonly<Record<string, string>>;
  readonly versions: Readonly<Record<string, string>>;
}

export interface BenchResult {
  readonly name: string;
  readonly title: string;
  readonly started_at: string;
  readonly took_s: number;
  readonly pairs: number;
  readonly quick: boolean;
  /** One-minute load before it began: high means that something else was running too. */
  readonly load_before: number;
  readonly environment: Environment;
  readonly rows: readonly Row[];
}
