import { expect, test } from "bun:test";
import { findVariants, quantizationOf } from "../../src/hub/index.ts";
import { asFiles, variantsOf, weightsOf } from "./file-lists.ts";

test.each([
  ["m-Q4_K_M.gguf", "Q4_K_M"],
  ["m.Q4_K.gguf", "Q4_K"],
  ["m-q4.gguf", "Q4"],
  ["m-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"],
  ["m-UD-IQ2_XXS.gguf", "UD-IQ2_XXS"],
  ["m.i1-IQ3_M.gguf", "IQ3_M"],
  ["m.fp16.gguf", "F16"],
  ["m-FP32.gguf", "F32"],
  ["m-bf16.gguf", "BF16"],
  ["m-F32.gguf", "F32"],
  ["m-Q4_0_4_4.gguf", "Q4_0_4_4"],
  ["m-Q4_0_8_8.gguf", "Q4_0_8_8"],
  ["m-Q4_0.gguf", "Q4_0"],
  ["m-IQ4_NL.gguf", "IQ4_NL"],
  ["m-IQ4_XS.gguf", "IQ4_XS"],
  ["m-IQ1_S.gguf", "IQ1_S"],
  ["m-TQ1_0.gguf", "TQ1_0"],
  ["gpt-oss-20b-MXFP4.gguf", "MXFP4"],
  ["m-mxfp4_moe.gguf", "MXFP4_MOE"],
  ["m-NVFP4.gguf", "NVFP4"],
  ["m-Q8_K_XL.gguf", "Q8_K_XL"],
  ["m-Q2_K_L.gguf", "Q2_K_L"],
  ["m-Q3_K_S.gguf", "Q3_K_S"],
  ["m-Q6_K.gguf", "Q6_K"],
  ["m-Q5_1.gguf", "Q5_1"],
  ["gemma-2b-f16-Q8_0.gguf", "Q8_0"],
  ["Q4_K_M/model.gguf", "Q4_K_M"],
  ["BF16/m-Q8_0.gguf", "Q8_0"],
  ["qwen2_5-coder-7b-q5_k_m-00001-of-00002.gguf", "Q5_K_M"],
  ["Meta-Llama-3-8B.gguf", null],
  ["bf16ish-xq4_0x.gguf", null],
])(
  "quantization by name: %s is %s",
  (path, quantization) => expect(quantizationOf(path)).toBe(quantization),
);

test("one variant per quantization, named by it; without one, by the file", () => {
  expect(weightsOf(["m-Q4_K_M.gguf", "m-q8_0.gguf", "m.gguf", "config.json"])).toEqual({
    Q4_K_M: ["m-Q4_K_M.gguf"],
    Q8_0: ["m-q8_0.gguf"],
    m: ["m.gguf"],
  });
});

test("splits are one variant; one with a hole is none, and its parts are in no variant", () => {
  const { variants, common } = findVariants(asFiles([
    ...["Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf", "README.md"],
    ...["BF16/m-BF16-00001-of-00003.gguf", "BF16/m-BF16-00003-of-00003.gguf"],
  ]));
  expect(common).toEqual(["README.md"]);
  expect(variants.map(({ name, files }) => [name, files])).toEqual([
    ["Q8_0", ["Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf", "README.md"]],
  ]);
});

test("pieces that have to be joined by hand are in no variant", () => {
  expect(variantsOf(["m.Q4_0.gguf", "m.Q8_0.gguf.part1of2", "m.Q8_0.gguf-split-a"])[0]?.files).toEqual([
    "m.Q4_0.gguf",
  ]);
});

test("what accompanies a model is a sidecar and in no variant", () => {
  const sidecars = [
    ...[
      "MTP/m-Q8_0-MTP.gguf",
      "dflash-m-Q4_K_M.gguf",
      "dspark-m.gguf",
      "eagle3-m-BF16.gguf",
      "imatrix.dat",
    ],
    ...["m-imatrix.gguf", "mmproj-F16.gguf", "mtp-m-Q8_0.gguf"],
  ];
  const set = findVariants(asFiles(["m-Q4_K_M.gguf", ...sidecars, "config.json"]));
  expect(set.sidecars).toEqual(sidecars);
  expect(set.variants.map(({ name, files }) => [name, files])).toEqual([["Q4_K_M", [
    "config.json",
    "m-Q4_K_M.gguf",
  ]]]);
});

test("llama.cpp's sidecars are told by lower-case letters: a model may be called MTP", () => {
  expect(Object.keys(weightsOf(["GLM-MTP-Q4_K_M.gguf"]))).toEqual(["Q4_K_M"]);
});

test("two models of one quantization are told apart by their names", () => {
  expect(weightsOf(["small-Q4_0.gguf", "large.q4_0.gguf", "large.Q8_0.gguf"])).toEqual({
    "large-Q4_0": ["large.q4_0.gguf"],
    "small-Q4_0": ["small-Q4_0.gguf"],
    Q8_0: ["large.Q8_0.gguf"],
  });
});
