import { availableParallelism } from "node:os";
import type { ModelMetadata } from "../../runtimes/index.ts";
import { onlyEmbeds } from "./tune-calls.ts";
import type { Dimension } from "./tune-search.ts";

/** More are not tried: the best is among few, or near all. */
const THREADS_TRIED_MAX = 4;
const BATCH_SIZES = [64, 128, 512, 2048];

/** What can be varied without a change of what the model answers. What makes most of a difference comes first. */
export function dimensionsOf(
  metadata: Pick<ModelMetadata, "runtime" | "contextLength" | "tasks">,
  cores = availableParallelism(),
): readonly Dimension[] {
  const threads = { name: "threads", values: threadsTried(cores) };
  switch (metadata.runtime) {
    case "onnx":
      return [
        threads,
        { name: "graph_optimization", values: ["all", "extended"] },
        { name: "spin", values: [false, true] },
        { name: "memory_arena", values: [true, false] },
      ];
    case "gguf":
      return onlyEmbeds(metadata)
        ? [threads]
        : [threads, { name: "batch_size", values: batchSizesTried(metadata.contextLength) }];
    case "mapped":
      return [];
  }
}

/** All, all but one, a half, one. */
function threadsTried(cores: number): number[] {
  const wanted = [cores, cores - 1, Math.ceil(cores / 2), 1].filter((count) => count >= 1);
  return [...new Set(wanted)].slice(0, THREADS_TRIED_MAX);
}

function batchSizesTried(contextLength: number | null): number[] {
  return BATCH_SIZES.filter((size) => size <= (contextLength ?? Infinity));
}
