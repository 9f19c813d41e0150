import type { ModelMetadata } from "../types.ts";
import type { ConfigFacts } from "./config-facts.ts";
import type { SafetensorsHeader } from "./safetensors.ts";

/** Types that hold several quantized weights in one number: their shapes tell nothing. */
const PACKED: ReadonlySet<string> = new Set(["U8", "U16", "U32", "U64", "I32"]);
/** Small tables beside the weights may be of such a type. */
const PACKED_SHARE_MAX = 0.01;

const QUANTIZATION_OF: ReadonlyMap<string, string> = new Map([
  ["F64", "fp64"],
  ["F32", "fp32"],
  ["F16", "fp16"],
  ["BF16", "bf16"],
  ["F8_E4M3", "fp8"],
  ["F8_E5M2", "fp8"],
  ["I8", "int8"],
]);

/** What a model is that is only mapped: an engine outside runs it. */
export function mappedMetadata(
  headers: readonly SafetensorsHeader[],
  facts: ConfigFacts,
  weightBytes: number,
): ModelMetadata {
  return {
    runtime: "mapped",
    architecture: facts.architecture,
    parameters: countParameters(headers),
    contextLength: facts.contextLength,
    quantization: facts.quantization ?? mostBytes(headers),
    inputs: [],
    outputs: [],
    weightBytes,
  };
}

function countParameters(headers: readonly SafetensorsHeader[]): number | null {
  let elements = 0;
  let packed = 0;
  for (const { dtype, shape } of headers.flatMap((header) => header.tensors)) {
    const count = shape.reduce((product, one) => product * one, 1);
    elements += count;
    if (PACKED.has(dtype)) packed += count;
  }
  return elements > 0 && packed <= elements * PACKED_SHARE_MAX ? elements : null;
}

function mostBytes(headers: readonly SafetensorsHeader[]): string | null {
  const bytes = new Map<string, number>();
  for (const { dtype, sizeBytes } of headers.flatMap((header) => header.tensors)) {
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + sizeBytes);
  }
  const [dtype] = [...bytes].sort(([, a], [, b]) => b - a)[0] ?? [];
  return QUANTIZATION_OF.get(dtype ?? "") ?? null;
}
