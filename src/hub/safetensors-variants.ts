import type { ConfigWeights } from "./config-quantization.ts";
import {
  type Component,
  isIndex,
  readIndex,
  safetensorsComponents,
  type ShardIndex,
} from "./safetensors-components.ts";
import { folderOf, type FormatFind, joinPath, nameOf, type VariantDraft } from "./variant-draft.ts";
import { fitName } from "./variant-names.ts";

const ADAPTER = /^(?:adapter_model|pytorch_lora_weights).*\.safetensors$/;

/**
 * The networks of a repository together are one variant, named by its configuration. Where names tell data types apart, as Diffusers'
 * `variant` does, each is a variant, and a network that lacks it is taken in the form that it has. Adapters are variants of their own.
 *
 * @param paths Sorted.
 */
export function safetensorsVariants(paths: readonly string[], weights: ConfigWeights): FormatFind {
  const files = paths.filter((path) => path.endsWith(".safetensors"));
  const adapters = files.filter((path) => ADAPTER.test(nameOf(path)));
  const isAdapter = new Set(adapters);
  const indexes = paths.filter(isIndex);
  const shardIndexes = indexes.map(readIndex);
  const components = safetensorsComponents(files.filter((path) => !isAdapter.has(path)), shardIndexes);
  const isWhole = components.every(({ forms }) => forms.size > 0);
  const drafts = isWhole ? modelDrafts(components, shardIndexes, weights) : [];
  return { drafts: [...drafts, ...adapters.map(adapterDraft)], taken: new Set([...files, ...indexes]) };
}

function modelDrafts(
  components: readonly Component[],
  indexes: readonly ShardIndex[],
  weights: ConfigWeights,
): VariantDraft[] {
  const labels = new Set(components.flatMap(({ forms }) => [...forms.keys()]));
  return [...labels].map((label) => {
    const used = components.map((component) => ({ ...component, label: formFor(component, label) }));
    const places = new Set(used.map((one) => joinPath(one.folder, one.label)));
    const quantization = label === "" ? plainType(labels, weights) : label;
    // A name says what its files say; the configuration may say the same of others.
    const isClear = quantization !== null && !(label === "" && labels.has(quantization));
    return {
      name: fitName(isClear ? quantization : weights.format),
      format: weights.format,
      quantization,
      weightFiles: used.flatMap((one) => one.forms.get(one.label) ?? []),
      ownFiles: indexes.filter((one) => places.has(joinPath(one.folder, one.label))).map((one) => one.path),
    };
  });
}

/** Of files whose names tell no data type: beside files in half precision they are in full precision. */
function plainType(labels: ReadonlySet<string>, weights: ConfigWeights): string | null {
  const isPair = labels.has("fp16") || labels.has("bf16");
  return weights.quantization ?? (isPair && !labels.has("fp32") ? "fp32" : null);
}

/** Which of its forms a component gives to the variant of a label. */
function formFor({ forms }: Component, label: string): string {
  return [label, ""].find((one) => forms.has(one)) ?? [...forms.keys()][0] ?? "";
}

function adapterDraft(path: string): VariantDraft {
  const folder = folderOf(path);
  return {
    name: folder === "" ? "adapter" : fitName(folder, "adapter"),
    format: "safetensors",
    quantization: null,
    weightFiles: [path],
  };
}
