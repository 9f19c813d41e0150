import { LarderError } from "../core/index.ts";
import type { LoadedModel, ModelMetadata } from "./types.ts";

/** Files that no runtime here runs: an engine outside maps them by their path. Nothing is held, so nothing is given back. */
export function mappedModel(label: string, metadata: ModelMetadata): LoadedModel {
  const refuse = () =>
    Promise.reject(
      new LarderError("NOT_SUPPORTED", `Cannot run ${label}: no runtime in this program runs such files`, {
        hint: "Give its path to an engine on this machine: larder path.",
      }),
    );
  return {
    metadata,
    memoryBytes: 0,
    loadMs: 0,
    waiting: 0,
    run: refuse,
    generate: refuse,
    embed: refuse,
    lost: new Promise<never>(() => {}),
    dispose: () => Promise.resolve(),
  };
}
