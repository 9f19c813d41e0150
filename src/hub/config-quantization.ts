import { z } from "zod";
import type { ModelFormat } from "./types.ts";

export interface ConfigWeights {
  readonly format: Extract<ModelFormat, "safetensors" | "mlx">;
  /** `gptq-4bit`, `fp8`, `mlx-4bit`, or the data type: `bf16`. Null when the configuration does not tell. */
  readonly quantization: string | null;
}

const text = z.string().max(64).optional().catch(undefined);
const count = z.number().positive().max(64).optional().catch(undefined);
const flag = z.boolean().optional().catch(undefined);

const recipe = z.object({
  quant_method: text,
  quant_algo: text,
  bits: count,
  load_in_4bit: flag,
  load_in_8bit: flag,
  group_size: z.number().optional().catch(undefined),
  mode: text,
  config_groups: z.record(z.string(), z.object({ weights: z.object({ num_bits: count }) })).optional().catch(
    undefined,
  ),
}).optional().catch(undefined);

const part = { quantization_config: recipe, quantization: recipe, torch_dtype: text, dtype: text };
const schema = z.object({ ...part, text_config: z.object(part).optional().catch(undefined) });

type Recipe = NonNullable<z.output<typeof recipe>>;

const DTYPE: ReadonlyMap<string, string> = new Map([
  ["bfloat16", "bf16"],
  ["float16", "fp16"],
  ["float32", "fp32"],
  ["float64", "fp64"],
  ["float8_e4m3fn", "fp8"],
  ["float8_e5m2", "fp8"],
]);

/**
 * How the weights beside a `config.json` are stored, by its `quantization_config`, by that of its `text_config`, else by its data type.
 *
 * @param config The parsed `config.json`; anything else tells nothing.
 * @see The keys that Transformers writes (`quant_method`, `bits`, ...); mlx-lm writes `group_size` and `bits` without a method.
 */
export function configWeights(config: unknown): ConfigWeights {
  const { data } = schema.safeParse(config);
  if (data === undefined) return { format: "safetensors", quantization: null };
  for (const { quantization_config, quantization } of [data, data.text_config ?? {}]) {
    const found = [quantization_config, quantization].find((one) => one?.quant_method !== undefined);
    if (found !== undefined) return { format: "safetensors", quantization: methodName(found) };
    const mlx = [quantization, quantization_config].find((one) =>
      one?.bits !== undefined && one.group_size !== undefined
    );
    if (mlx !== undefined) return { format: "mlx", quantization: mlxName(mlx) };
  }
  const dtype = data.torch_dtype ?? data.dtype ?? data.text_config?.torch_dtype ?? data.text_config?.dtype;
  return { format: "safetensors", quantization: DTYPE.get(dtype?.replace(/^torch\./, "") ?? "") ?? null };
}

function mlxName({ mode, bits }: Recipe): string {
  return mode === undefined || mode === "affine" ? `mlx-${bits}bit` : `mlx-${mode}`;
}

function methodName(found: Recipe): string {
  const method = (found.quant_method ?? "").toLowerCase();
  switch (method) {
    case "bitsandbytes":
    case "bitsandbytes_4bit":
    case "bitsandbytes_8bit":
      return `bnb-${method.endsWith("8bit") || (found.load_in_8bit && !found.load_in_4bit) ? 8 : 4}bit`;
    case "compressed-tensors":
      return withBits("compressed", lowestBits(found));
    case "modelopt":
      return found.quant_algo === undefined ? method : `${method}-${found.quant_algo.toLowerCase()}`;
    default:
      return withBits(method, found.bits);
  }
}

/** Groups may differ; the variant goes by the one that makes it small. */
function lowestBits({ config_groups }: Recipe): number | undefined {
  const bits = Object.values(config_groups ?? {}).flatMap(({ weights }) => weights.num_bits ?? []);
  return bits.length === 0 ? undefined : Math.min(...bits);
}

function withBits(method: string, bits: number | undefined): string {
  return bits === undefined ? method : `${method}-${bits}bit`;
}
