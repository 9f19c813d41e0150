import { DEFAULT_VARIANT } from "../core/index.ts";
import { configWeights } from "./config-quantization.ts";
import { ggufVariants, isGgufSidecar } from "./gguf-variants.ts";
import { onnxVariants } from "./onnx-variants.ts";
import { pytorchVariants } from "./pytorch-variants.ts";
import { safetensorsVariants } from "./safetensors-variants.ts";
import { supersededPaths } from "./superseded.ts";
import type { HubFile, HubVariant, VariantSet } from "./types.ts";
import { byCodeUnit, type FormatFind, type VariantDraft } from "./variant-draft.ts";
import { nameDrafts } from "./variant-names.ts";

/** Paths in all variants together. A repository made to have many variants and many common files has more than memory should hold. */
const ENTRIES_MAX = 2_000_000;

/**
 * Sorts the files of a repository into what can be used: variants, the files that every variant needs, and accessories that go with
 * some. Files in none of them are other forms of the same weights, or incomplete. What is not understood (a dataset, an unknown format) is one variant
 * `default` with all files.
 *
 * @param config The parsed `config.json` of the repository; absent, the weights' data type may stay unknown.
 * @returns The same for the same files in any order. Variants are sorted by format, then by name.
 */
export function findVariants(files: readonly HubFile[], config?: unknown): VariantSet {
  const sizes = new Map(files.map((file) => [file.path, file.sizeBytes]));
  const paths = [...sizes.keys()].sort(byCodeUnit);
  const sidecars = paths.filter(isGgufSidecar);
  const isSidecar = new Set(sidecars);
  const models = paths.filter((path) => !isSidecar.has(path));
  const superseded = supersededPaths(models);
  const rest = models.filter((path) => !superseded.has(path));

  const finds = findFormats(rest, config);
  const drafts = nameDrafts(finds.flatMap((find) => find.drafts));
  const common = rest.filter((path) => !finds.some((find) => find.taken.has(path)));
  if (drafts.length === 0 || drafts.length * common.length > ENTRIES_MAX) return everything(paths, sizes);
  return { variants: drafts.map((draft) => toVariant(draft, common, sizes)), common, sidecars };
}

function findFormats(paths: readonly string[], config: unknown): FormatFind[] {
  const onnx = onnxVariants(paths);
  // A folder made for one runtime is complete in itself: other formats have nothing to look for in it.
  const others = paths.filter((path) => !onnx.taken.has(path));
  const safetensors = safetensorsVariants(others, configWeights(config));
  const finds = [onnx, ggufVariants(others), safetensors];
  return [...finds, pytorchVariants(others, finds.some((find) => find.drafts.length > 0))];
}

function toVariant(
  draft: VariantDraft,
  common: readonly string[],
  sizes: ReadonlyMap<string, number>,
): HubVariant {
  const { name, format, quantization } = draft;
  const weightFiles = draft.weightFiles.toSorted(byCodeUnit);
  const files = [...weightFiles, ...draft.ownFiles ?? [], ...common].sort(byCodeUnit);
  return { name, format, quantization, files, weightFiles, sizeBytes: sumOf(files, sizes) };
}

function everything(files: readonly string[], sizes: ReadonlyMap<string, number>): VariantSet {
  const sizeBytes = sumOf(files, sizes);
  const variant = {
    name: DEFAULT_VARIANT,
    format: "other",
    quantization: null,
    files,
    weightFiles: [],
    sizeBytes,
  } as const;
  return { variants: [variant], common: [], sidecars: [] };
}

function sumOf(files: readonly string[], sizes: ReadonlyMap<string, number>): number {
  return files.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
}
