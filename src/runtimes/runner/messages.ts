import type { ErrorRecord } from "../../core/index.ts";
import type { NativePlace } from "../native/place.ts";
import type { GgufOptions, OnnxOptions } from "../options.ts";
import type { EmbedRun, GenerateRun, ModelMetadata, RuntimeName, TensorResult, TensorRun } from "../types.ts";

/** Runtimes that have native code. */
export type EngineName = Exclude<RuntimeName, "mapped">;

export interface OpenOrder {
  readonly kind: "open";
  readonly engine: EngineName;
  readonly native: NativePlace;
  /** One number: how many native calls are under way; shared with the thread that may want to end this one. */
  readonly busy?: SharedArrayBuffer;
  /** The runner is alone in its process, so what native code logs is about this model. */
  readonly isAlone: boolean;
}

export interface LoadOrder {
  readonly kind: "load";
  /** The file to open, under a name beside which other files of the model have theirs. */
  readonly path: string;
  readonly metadata: ModelMetadata;
  /** Of the runner's engine, checked: the schemas would cost every new thread more than all else that it runs before it can load. */
  readonly options: OnnxOptions | GgufOptions;
}

/** Runs that differ in nothing but values and the number of rows, to be run as one where that changes no answer. */
export interface JoinedOrder {
  readonly kind: "joined";
  readonly runs: readonly TensorRun[];
}

/** What a runner is asked to do, in this order: open, load, anything, dispose. */
export type Order =
  | OpenOrder
  | LoadOrder
  /** Uses the model once, to see whether that crashes. */
  | { readonly kind: "try" }
  | TensorRun
  | JoinedOrder
  | GenerateRun
  | EmbedRun
  | { readonly kind: "dispose" };

export type ToRunner =
  | { readonly id: number; readonly order: Order }
  | { readonly cancel: number };

export type FromRunner =
  /** The first message: from now on it hears what it is sent. */
  | { readonly ready: true }
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: ErrorRecord }
  | { readonly id: number; readonly bug: string }
  /** Call `id` has come a step further. */
  | { readonly id: number; readonly going: true }
  /** A piece of the text that call `id` generates. */
  | { readonly id: number; readonly text: string }
  /** Memory as the runtime counts it. */
  | { readonly memoryBytes: number }
  /** Something threw outside of any call: the runner is not to be used any more. */
  | { readonly fatal: string };

/** What a load answers with. */
export interface LoadAnswer {
  /** As the runtime counts it; absent when it does not. */
  readonly memoryBytes?: number;
  /** How many texts it can generate at once. */
  readonly parallel: number;
}

export type RunOutcome = { readonly result: TensorResult } | { readonly error: ErrorRecord };

/** What a `JoinedOrder` is answered with. */
export interface JoinedAnswer {
  /** Of each run, in their order. */
  readonly outcomes: readonly RunOutcome[];
  /** They come from one run. */
  readonly isJoined: boolean;
  /** Why runs of this model are not to be joined again. */
  readonly refusal?: string;
}
