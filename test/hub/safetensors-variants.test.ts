import { expect, test } from "bun:test";
import { findVariants } from "../../src/hub/index.ts";
import { asFiles, variantsOf, weightsOf } from "./file-lists.ts";

const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
const index = "model.safetensors.index.json";

test.each<[unknown, string, string | null]>([
  [{ quantization_config: { quant_method: "gptq", bits: 4 } }, "gptq-4bit", "gptq-4bit"],
  [{ quantization_config: { quant_method: "awq", bits: 4, group_size: 128 } }, "awq-4bit", "awq-4bit"],
  [{ quantization_config: { quant_method: "fp8", activation_scheme: "dynamic" } }, "fp8", "fp8"],
  [{ quantization_config: { quant_method: "mxfp4" } }, "mxfp4", "mxfp4"],
  [{ quantization_config: { quant_method: "bitsandbytes", load_in_4bit: true } }, "bnb-4bit", "bnb-4bit"],
  [
    { quantization_config: { quant_method: "bitsandbytes", load_in_4bit: false, load_in_8bit: true } },
    "bnb-8bit",
    "bnb-8bit",
  ],
  [
    {
      quantization_config: {
        quant_method: "compressed-tensors",
        config_groups: { group_0: { weights: { num_bits: 4, type: "int" } } },
      },
    },
    "compressed-4bit",
    "compressed-4bit",
  ],
  [{ text_config: { quantization_config: { quant_method: "awq", bits: 4 } } }, "awq-4bit", "awq-4bit"],
  [{ torch_dtype: "bfloat16" }, "bf16", "bf16"],
  [{ dtype: "float16" }, "fp16", "fp16"],
  [{ torch_dtype: "float32" }, "fp32", "fp32"],
  [{ text_config: { dtype: "bfloat16" } }, "bf16", "bf16"],
  [{}, "safetensors", null],
  [undefined, "safetensors", null],
  [["not", "an object"], "safetensors", null],
  [{ quantization_config: { quant_method: 7, bits: "4" }, torch_dtype: { a: 1 } }, "safetensors", null],
  [
    { quantization_config: { quant_method: "../../evil name\u0000" } },
    "evil-name",
    "../../evil name\u0000",
  ],
])("quantization by configuration: %j is %s", (config, name, quantization) => {
  const { variants } = findVariants(asFiles([...shards, index, "config.json"]), config);
  expect(variants).toEqual([{
    name,
    format: "safetensors",
    quantization,
    files: ["config.json", ...shards, index],
    weightFiles: shards,
    sizeBytes: 4,
  }]);
});

test("shards with a hole are in no variant", () => {
  expect(variantsOf(["model-00001-of-00002.safetensors", "m-Q4_0.gguf"]).map((one) => one.name)).toEqual([
    "Q4_0",
  ]);
});

test("numbers of six digits, and such that begin with zero", () => {
  expect(
    weightsOf(["model-00001-of-000002.safetensors", "model-00002-of-000002.safetensors"])["safetensors"],
  ).toHaveLength(2);
  expect(weightsOf(["model-00000-of-00002.safetensors", "model-00001-of-00002.safetensors"])["safetensors"])
    .toHaveLength(2);
});

test("Diffusers' pairs are fp16 and fp32; a network without the pair is taken as it is", () => {
  expect(weightsOf([
    ...[
      "model_index.json",
      "unet/diffusion_pytorch_model.safetensors",
      "unet/diffusion_pytorch_model.fp16.safetensors",
    ],
    ...[
      "unet/diffusion_pytorch_model.non_ema.safetensors",
      "old/x.non_ema.safetensors",
      "vae/diffusion_pytorch_model.safetensors",
    ],
    ...[
      "text_encoder/model.fp16-00001-of-00001.safetensors",
      "text_encoder/model-00001-of-00001.safetensors",
    ],
  ])).toEqual({
    fp16: [
      "text_encoder/model.fp16-00001-of-00001.safetensors",
      "unet/diffusion_pytorch_model.fp16.safetensors",
      "vae/diffusion_pytorch_model.safetensors",
    ],
    fp32: [
      "text_encoder/model-00001-of-00001.safetensors",
      "unet/diffusion_pytorch_model.safetensors",
      "vae/diffusion_pytorch_model.safetensors",
    ],
  });
});

test("consolidated files and the folder original are another form of what stands beside them", () => {
  expect(
    variantsOf([
      ...[...shards, index, "consolidated.safetensors", "consolidated.00.pth"],
      ...["original/consolidated.00.pth", "original/params.json", "original/tokenizer.model"],
    ])[0]?.files,
  ).toEqual([...shards, index]);
  expect(weightsOf(["consolidated.safetensors", "params.json"])).toEqual({
    safetensors: ["consolidated.safetensors"],
  });
});

test("adapters are variants of their own", () => {
  expect(weightsOf(["adapter_config.json", "adapter_model.safetensors"])).toEqual({
    adapter: ["adapter_model.safetensors"],
  });
  expect(Object.keys(weightsOf(["model.safetensors", "lora/adapter_model.safetensors"]))).toEqual([
    "lora-adapter",
    "safetensors",
  ]);
});

test("MLX is told by bits without a method", () => {
  const config = {
    quantization: { group_size: 64, bits: 4 },
    quantization_config: { group_size: 64, bits: 4 },
  };
  expect(findVariants(asFiles(["model.safetensors"]), config).variants).toMatchObject([
    { name: "mlx-4bit", format: "mlx", quantization: "mlx-4bit" },
  ]);
});
