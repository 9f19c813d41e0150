import { expect, test } from "bun:test";
import { findVariants, type HubVariant } from "../../src/hub/index.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { asFiles, variantsOf, weightsOf } from "./file-lists.ts";

test("pickled weights are a variant only where there are no safetensors of them", () => {
  const bin = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"];
  const index = "pytorch_model.bin.index.json";
  expect(weightsOf([...bin, index, "config.json"])).toEqual({ pytorch: bin });
  expect(
    variantsOf([...bin, index, "model.safetensors", "config.json"]).map(({ name, files }) => [name, files]),
  ).toEqual([
    ["safetensors", ["config.json", "model.safetensors"]],
  ]);
});

test("weights of other frameworks and the state of a training are in no variant", () => {
  expect(
    variantsOf([
      ...[
        "model.safetensors",
        "tf_model.h5",
        "flax_model.msgpack",
        "rust_model.ot",
        "openvino/openvino_model.xml",
      ],
      ...[
        "openvino/openvino_model.bin",
        "coreml/model.mlpackage/Data/weights.bin",
        "training_args.bin",
        "optimizer.pt",
      ],
      ...["runs/events.out.tfevents.1", "checkpoint-100/model.safetensors", "config.json"],
    ])[0]?.files,
  ).toEqual(["config.json", "model.safetensors"]);
});

test("what is not understood is one variant with all files", () => {
  const files = ["README.md", "data/train-00000-of-00001.parquet", "tf_model.h5"];
  expect(findVariants(asFiles(files))).toEqual({
    variants: [{
      name: "default",
      format: "other",
      quantization: null,
      files,
      weightFiles: [],
      sizeBytes: 3,
    }],
    common: [],
    sidecars: [],
  });
});

test("an empty repository has one empty variant", () => {
  expect(variantsOf([])).toMatchObject([{ name: "default", files: [], sizeBytes: 0 }]);
});

test("a name that two formats want is the earlier one's, and the later one puts its format before it", () => {
  const { variants } = findVariants(asFiles(["model.safetensors", "onnx/model_fp16.onnx", "fp16.gguf"]), {
    torch_dtype: "float16",
  });
  expect(variants.map(({ name, format }) => [name, format])).toEqual([
    ["F16", "gguf"],
    ["fp16", "onnx"],
    ["safetensors-fp16", "safetensors"],
  ]);
});

test("every variant has the common files, and its size is that of all its files", () => {
  const sizes = {
    "config.json": 3,
    "tokenizer.json": 50,
    "m-Q4_0.gguf": 1000,
    "m-Q8_0.gguf": 2000,
    "mmproj-f16.gguf": 7,
  };
  const files = Object.entries(sizes).map(([path, sizeBytes]) => ({
    path,
    sizeBytes,
    gitOid: "0".repeat(40),
  }));
  expect(findVariants(files).variants.map(({ files, sizeBytes }) => [files.length, sizeBytes])).toEqual([
    [3, 1053],
    [3, 2053],
  ]);
});

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function expectSound(variants: readonly HubVariant[]): void {
  expect(variants.length).toBeGreaterThan(0);
  expect(new Set(variants.map((one) => one.name)).size).toBe(variants.length);
  for (const { name, files, weightFiles } of variants) {
    expect(name).toMatch(NAME);
    expect(new Set(files).size).toBe(files.length);
    expect(weightFiles.filter((path) => !files.includes(path))).toEqual([]);
  }
}

const ODD = [
  "..-",
  "ü",
  "💾",
  " ",
  "%",
  "'",
  "_",
  "-",
  ".",
  "$(x)",
  "\u0000",
  "Q4_K_M",
  "fp16",
  "decoder_model",
  "model",
];
const ENDINGS = [
  ...[
    ".gguf",
    "-00001-of-00002.gguf",
    "-00002-of-00002.gguf",
    ".onnx",
    "_q4.onnx",
    "_merged.onnx",
    ".onnx_data",
  ],
  ...[".safetensors", ".fp16.safetensors", "-00001-of-00001.safetensors", ".bin", ".pt", ".json", ""],
];

function oddFiles(seed: number, count: number): string[] {
  const numbers = new Uint32Array(pseudoRandomBytes(seed, 4 * count * 6).buffer);
  let at = 0;
  const random = () => (numbers[at++] ?? 0) / 2 ** 32;
  const pick = (list: readonly string[]) => list[Math.floor(random() * list.length)] ?? "";
  const name = () => pick(ODD) + pick(ODD) + Math.floor(random() * 4) + pick(ENDINGS);
  return [...new Set(Array.from({ length: count }, () => (random() < 0.4 ? `${pick(ODD)}x/` : "") + name()))];
}

test.each([1, 2, 3, 4, 5])("hostile names give sound variants, the same in any order (seed %d)", (seed) => {
  const files = asFiles(oddFiles(seed, 200));
  const found = findVariants(files);
  expectSound(found.variants);
  expect(findVariants(files.toReversed())).toEqual(found);
  expect(findVariants(files.toSorted((a, b) => a.path.length - b.path.length))).toEqual(found);
});

test("10,000 files of one name in 10,000 folders have names of their own", () => {
  const { variants } = findVariants(
    asFiles(Array.from({ length: 10_000 }, (_, i) => `${"x".repeat(70)}${i}/m-Q4_0.gguf`)),
  );
  expect(variants).toHaveLength(10_000);
  expectSound(variants.slice(0, 100));
  expect(new Set(variants.map((one) => one.name)).size).toBe(10_000);
});

test("a repository made to have too many variants with too many common files is taken as a whole", () => {
  const files = Array.from({ length: 4000 }, (_, i) => [`m${i}.gguf`, `c${i}.txt`]).flat();
  expect(variantsOf(files)).toMatchObject([{ name: "default", sizeBytes: 8000 }]);
});

test.each([
  ...[
    "a",
    "a/",
    "-00001-of-00002",
    "Q4_K_",
    "UD-",
    "_qint8_avx512_vnni",
    "decoder_",
    ".fp16",
    ".ckpt.data-",
    "openvino",
  ],
  ...[
    "original/checkpoint-1/",
    "pytorch_model",
    ".safetensors.index",
    "adapter_model",
    ".gguf.part",
    "consolidated",
  ],
])("a path of 100 KB takes no time: %j many times", (text) => {
  const long = text.repeat(Math.ceil(100_000 / text.length));
  for (
    const ending of [
      ".gguf",
      ".onnx",
      ".onnx_data_1x",
      ".safetensors",
      ".index.json",
      ".bin",
      ".binx",
      "/x",
      "",
    ]
  ) {
    // The best of three: what else the machine does is not the matter here.
    const times = [1, 2, 3].map(() => {
      const from = performance.now();
      expectSound(variantsOf([long + ending]));
      return performance.now() - from;
    });
    expect(Math.min(...times)).toBeLessThan(50);
  }
});
