import type { HubVariant } from "./types.ts";
import { FORMAT_ORDER } from "./variant-names.ts";

/** What is taken of a format when nobody asks for anything, best first. */
const PREFERRED: Readonly<Record<string, readonly string[]>> = {
  gguf: ["Q4_K_M", "Q8_0"],
  onnx: ["q8", "fp16", "fp32", "q4f16", "q4"],
};

/**
 * What a pull without a variant takes. The first format that is there, of gguf, onnx, safetensors, mlx, pytorch, other; in it:
 * - gguf: `Q4_K_M`, then `Q8_0`, then the first (as llama.cpp's `find_best_model` does)
 * - onnx: `q8`, then `fp16`, `fp32`, `q4f16`, `q4`, then the first
 * - else the first that is not an adapter, which is nothing without the model that it adapts
 *
 * @param variants As {@link findVariants} gives them: one at least.
 */
export function defaultVariant(variants: readonly HubVariant[]): HubVariant {
  const format = FORMAT_ORDER.find((one) => variants.some((variant) => variant.format === one));
  const candidates = variants.filter((variant) => variant.format === format);
  const preferred = (PREFERRED[format ?? ""] ?? []).flatMap((quantization) =>
    candidates.find((variant) => variant.quantization === quantization) ?? []
  );
  const chosen = preferred[0] ?? candidates.find((variant) => !isAdapter(variant)) ?? candidates[0];
  if (chosen === undefined) throw new RangeError("Cannot choose from no variants");
  return chosen;
}

/**
 * What can stand in for a variant that does not fit: smaller ones of the same format and the same model, the largest first. Two models
 * of one repository, folders for two runtimes, and adapters do not stand in for each other.
 */
export function bySize(variants: readonly HubVariant[], than: HubVariant): HubVariant[] {
  return variants
    .filter((one) =>
      one.format === than.format && one.sizeBytes < than.sizeBytes && modelOf(one) === modelOf(than)
    )
    .sort((a, b) => b.sizeBytes - a.sizeBytes);
}

/** The name without what tells how its weights are stored. */
function modelOf({ name, format, quantization }: HubVariant): string {
  const bare = name.startsWith(`${format}-`) ? name.slice(format.length + 1) : name;
  return quantization !== null && bare.endsWith(quantization) ? bare.slice(0, -quantization.length) : bare;
}

function isAdapter({ name, quantization }: HubVariant): boolean {
  return quantization === null && /(?:^|-)adapter(?:-\d+)?$/.test(name);
}
