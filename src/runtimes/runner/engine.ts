import type {
  EmbedResult,
  EmbedRun,
  GenerateResult,
  GenerateRun,
  TensorResult,
  TensorRun,
} from "../types.ts";
import type { Busy } from "./busy.ts";
import type { LoadOrder, OpenOrder } from "./messages.ts";

/** A loaded model, inside its runner. What it cannot do is absent. */
export interface Engine {
  /** As the runtime counts it; absent when it does not. */
  readonly memoryBytes?: number;
  /** How many texts it can generate at once. Default 1. */
  readonly parallel?: number;
  run?(run: TensorRun): TensorResult;
  generate?(run: GenerateRun, onText: (text: string) => void, signal: AbortSignal): Promise<GenerateResult>;
  embed?(run: EmbedRun): Promise<EmbedResult>;
  /** The smallest use of it, to see whether that crashes. */
  try?(): Promise<void>;
  dispose(): Promise<void>;
}

/** A native library that is ready to load one model. */
export interface Driver {
  /** Leaves nothing behind when it throws. @throws {LarderError} MODEL_BROKEN, NOT_SUPPORTED, NO_MEMORY, BAD_INPUT; the signal's reason. */
  load(order: LoadOrder, signal: AbortSignal): Promise<Engine>;
  close(): Promise<void>;
}

export interface DriverContext extends Omit<OpenOrder, "kind" | "engine" | "busy"> {
  /** Every native call goes through it. */
  readonly busy: Busy;
  /** Tells that the runtime's memory has changed. */
  onMemory(bytes: number): void;
}

export type OpenDriver = (context: DriverContext) => Promise<Driver>;
