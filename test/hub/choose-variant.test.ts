import { expect, test } from "bun:test";
import { bySize, defaultVariant, findVariants, type HubVariant } from "../../src/hub/index.ts";

function variants(sizes: Readonly<Record<string, number>>): readonly HubVariant[] {
  const files = Object.entries(sizes).map(([path, sizeBytes]) => ({
    path,
    sizeBytes,
    gitOid: "0".repeat(40),
  }));
  return findVariants(files).variants;
}

function named(all: readonly HubVariant[], name: string): HubVariant {
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no ${name} among ${all.map((one) => one.name)}`);
  return found;
}

test.each<[readonly string[], string]>([
  [["m-BF16.gguf", "m-Q4_0.gguf", "m-Q4_K_M.gguf", "m-Q8_0.gguf"], "Q4_K_M"],
  [["m-BF16.gguf", "m-Q4_0.gguf", "m-Q8_0.gguf"], "Q8_0"],
  [["m-Q6_K.gguf", "m-Q4_0.gguf"], "Q4_0"],
  [["b-Q4_K_M.gguf", "a-Q4_K_M.gguf", "m-Q8_0.gguf"], "a-Q4_K_M"],
  [["model.onnx", "model_fp16.onnx", "model_quantized.onnx", "model_q4f16.onnx"], "q8"],
  [["model.onnx", "model_fp16.onnx", "model_q4.onnx"], "fp16"],
  [["model.onnx", "model_q4f16.onnx"], "fp32"],
  [["model_q4.onnx", "model_q4f16.onnx", "model_bnb4.onnx"], "q4f16"],
  [["model_int8.onnx", "model_bnb4.onnx"], "bnb4"],
  [["model.safetensors", "model_q4.onnx"], "q4"],
  [["model.safetensors", "model_q4.onnx", "m.gguf"], "m"],
  [["model.safetensors", "adapter_model.safetensors"], "safetensors"],
  [["adapter_model.safetensors"], "adapter"],
  [["x.safetensors", "pytorch_model.bin"], "safetensors"],
  [["train.csv"], "default"],
])("of %j the default is %s", (paths, name) => {
  expect(defaultVariant(variants(Object.fromEntries(paths.map((path) => [path, 1])))).name).toBe(name);
});

test("smaller variants of the same format, the largest first", () => {
  const all = variants({
    ...{ "config.json": 1, "m-Q8_0.gguf": 800, "m-Q6_K.gguf": 600, "m-BF16.gguf": 1600, "m-Q4_0.gguf": 400 },
    ...{ "model_q4.onnx": 300, "m-Q4_1.gguf": 400 },
  });
  expect(bySize(all, named(all, "Q8_0")).map((one) => one.name)).toEqual(["Q6_K", "Q4_0", "Q4_1"]);
  expect(bySize(all, named(all, "Q4_0"))).toEqual([]);
});

test("another model of the same repository does not stand in", () => {
  const all = variants({
    "a-Q8_0.gguf": 9,
    "a-Q4_0.gguf": 5,
    "b-Q8_0.gguf": 8,
    "b-Q4_0.gguf": 4,
    "c.gguf": 1,
  });
  expect(bySize(all, named(all, "a-Q8_0")).map((one) => one.name)).toEqual(["a-Q4_0"]);
});

test("an adapter and a folder for another runtime do not stand in", () => {
  const tuned = variants({
    "model.safetensors": 9,
    "model.fp16.safetensors": 5,
    "adapter_model.safetensors": 1,
  });
  expect(bySize(tuned, named(tuned, "fp32")).map((one) => one.name)).toEqual(["fp16"]);
  const folders = variants({
    ...{ "cpu-int4/model.onnx": 9, "cpu-int4/genai_config.json": 1, "cuda-int4/model.onnx": 5 },
    "cuda-int4/genai_config.json": 1,
  });
  expect(bySize(folders, named(folders, "cpu-int4"))).toEqual([]);
});

test("a name with its format before it stands for the same model", () => {
  const all = variants({ "model.onnx": 9, "unet/x.safetensors": 7, "unet/x.fp16.safetensors": 3 });
  expect(bySize(all, named(all, "safetensors-fp32")).map((one) => one.name)).toEqual(["fp16"]);
});
