import { join } from "node:path";
import { openNativeModule } from "../native/open-module.ts";
import { NativeTensor } from "./tensors.ts";

/** Logging of the runtime goes to stderr, past our log: only what ends the process. */
const LOG_FATAL = 4;

export interface OnnxValueInfo {
  readonly name: string;
  readonly isTensor: boolean;
}

/** A session of onnxruntime-node's native module; everything here is synchronous. @see its lib/binding.ts, version 1.30.0. */
export interface OnnxSession {
  loadModel(path: string, options: object): void;
  loadModel(buffer: ArrayBuffer, byteOffset: number, byteLength: number, options: object): void;
  readonly outputMetadata: readonly OnnxValueInfo[];
  run(
    feeds: Readonly<Record<string, NativeTensor>>,
    fetches: Readonly<Record<string, null>>,
    options: object,
  ): Record<string, NativeTensor>;
  dispose(): void;
}

interface OnnxBinding {
  readonly InferenceSession: new () => OnnxSession;
  initOrtOnce(logLevel: number, tensor: typeof NativeTensor, isMainThread: boolean): void;
}

/**
 * Loads the native module. Not through the package's own JavaScript: that looks for the module beside its source, which an executable
 * does not have, and what it adds are promises around synchronous calls.
 *
 * @returns Makes a session.
 */
export function openBinding(folder: string): () => OnnxSession {
  const binding = openNativeModule<OnnxBinding>(join(folder, "onnxruntime_binding.node"));
  binding.initOrtOnce(LOG_FATAL, NativeTensor, Bun.isMainThread);
  return () => new binding.InferenceSession();
}
