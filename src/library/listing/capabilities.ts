import type { ModelMetadata, RuntimeName } from "../../runtimes/index.ts";
import type { ListedModelRow } from "../../registry/index.ts";
import type { Capability } from "../listing-types.ts";

/** What can be asked of a model, and what answers. One object for all models that are alike. */
export interface Abilities {
  readonly runtime: RuntimeName | null;
  readonly capabilities: readonly Capability[];
}

const PREDICTS: Abilities = { runtime: "onnx", capabilities: ["predict"] };
const WRITES: Abilities = { runtime: "gguf", capabilities: ["completion", "chat", "embedding"] };
const HOLDS: Abilities = { runtime: "mapped", capabilities: ["files"] };
/** Of a model that is not here. */
export const NO_ABILITIES: Abilities = { runtime: null, capabilities: [] };

const BY_FORMAT: Readonly<Record<ListedModelRow["format"], Abilities>> = {
  gguf: WRITES,
  onnx: PREDICTS,
  other: HOLDS,
};

/** By the ends of the names of its files. */
export function abilitiesByName(format: ListedModelRow["format"]): Abilities {
  return BY_FORMAT[format];
}

/** By what the headers say. */
export function abilitiesByHeader({ runtime, tasks = [] }: ModelMetadata): Abilities {
  switch (runtime) {
    case "onnx":
      return PREDICTS;
    case "gguf":
      return { runtime, capabilities: tasks };
    case "mapped":
      return HOLDS;
  }
}
