import { expect, test } from "bun:test";
import { findVariants } from "../../src/hub/index.ts";
import { asFiles, weightsOf } from "./file-lists.ts";

test.each([
  ["model.onnx", "fp32"],
  ["model_fp16.onnx", "fp16"],
  ["model_quantized.onnx", "q8"],
  ["model_int8.onnx", "int8"],
  ["model_uint8.onnx", "uint8"],
  ["model_q4.onnx", "q4"],
  ["model_q4f16.onnx", "q4f16"],
  ["model_q2.onnx", "q2"],
  ["model_q2f16.onnx", "q2f16"],
  ["model_q1.onnx", "q1"],
  ["model_q1f16.onnx", "q1f16"],
  ["model_bnb4.onnx", "bnb4"],
  ["model_O4.onnx", "O4"],
  ["model_qint8_avx512_vnni.onnx", "qint8_avx512_vnni"],
  ["model_quint8_avx2.onnx", "quint8_avx2"],
  ["model_qint8_arm64.onnx", "qint8_arm64"],
  ["encoder-epoch-99-avg-1.int8.onnx", "int8"],
])("dtype by suffix: %s is %s", (name, dtype) => {
  const { variants } = findVariants(asFiles([`onnx/${name}`, "config.json"]));
  expect(variants).toEqual([{
    name: dtype,
    format: "onnx",
    quantization: dtype,
    files: ["config.json", `onnx/${name}`],
    weightFiles: [`onnx/${name}`],
    sizeBytes: 2,
  }]);
});

test("external data belongs to the model whose name it has", () => {
  expect(weightsOf([
    ...["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1", "onnx/model_q4.onnx"],
    ...["onnx/model_q4.onnx.data", "onnx/model_q4f16.onnx_data"],
  ])).toEqual({
    fp32: ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1"],
    q4: ["onnx/model_q4.onnx", "onnx/model_q4.onnx.data"],
  });
});

test("several sessions of one dtype are one variant, and a dtype that one session lacks is none", () => {
  expect(weightsOf([
    ...["onnx/vision_encoder.onnx", "onnx/vision_encoder_q4.onnx"],
    ...["onnx/embed_tokens.onnx", "onnx/embed_tokens_q4.onnx", "onnx/embed_tokens_fp16.onnx"],
    ...["onnx/decoder_model_merged.onnx", "onnx/decoder_model_merged_q4.onnx"],
  ])).toEqual({
    fp32: ["onnx/decoder_model_merged.onnx", "onnx/embed_tokens.onnx", "onnx/vision_encoder.onnx"],
    q4: ["onnx/decoder_model_merged_q4.onnx", "onnx/embed_tokens_q4.onnx", "onnx/vision_encoder_q4.onnx"],
  });
});

test("no dtype that all sessions have: all files together are one variant", () => {
  expect(weightsOf(["onnx/encoder_fp16.onnx", "onnx/decoder_q4.onnx"])).toEqual({
    onnx: ["onnx/decoder_q4.onnx", "onnx/encoder_fp16.onnx"],
  });
});

test("where a decoder is merged its halves may lack, and where it is not they may not", () => {
  expect(weightsOf([
    ...["onnx/encoder_model.onnx", "onnx/encoder_model_q4.onnx", "onnx/encoder_model_int8.onnx"],
    ...["onnx/decoder_model.onnx", "onnx/decoder_with_past_model.onnx", "onnx/decoder_model_merged.onnx"],
    ...["onnx/decoder_model_q4.onnx", "onnx/decoder_with_past_model_q4.onnx"],
    ...[
      "onnx/decoder_model_int8.onnx",
      "onnx/encoder_model_fp16.onnx",
      "onnx/decoder_model_merged_fp16.onnx",
    ],
  ])).toEqual({
    fp16: ["onnx/decoder_model_merged_fp16.onnx", "onnx/encoder_model_fp16.onnx"],
    fp32: [
      ...["onnx/decoder_model.onnx", "onnx/decoder_model_merged.onnx", "onnx/decoder_with_past_model.onnx"],
      "onnx/encoder_model.onnx",
    ],
    q4: [
      "onnx/decoder_model_q4.onnx",
      "onnx/decoder_with_past_model_q4.onnx",
      "onnx/encoder_model_q4.onnx",
    ],
  });
});

test("a model that only decodes may be there in the old and the new form", () => {
  expect(weightsOf([
    ...["onnx/decoder_model_merged.onnx", "onnx/decoder_with_past_model.onnx"],
    ...["onnx/decoder_model_merged_quantized.onnx", "onnx/model.onnx", "onnx/model_q4.onnx"],
  ])).toEqual({
    fp32: ["onnx/decoder_model_merged.onnx", "onnx/decoder_with_past_model.onnx", "onnx/model.onnx"],
    q4: ["onnx/model_q4.onnx"],
    q8: ["onnx/decoder_model_merged_quantized.onnx"],
  });
});

test("a folder for onnxruntime-genai is a variant of that folder's name, with all its files and for itself", () => {
  const cpu = "cpu_and_mobile/cpu-int4-rtn-block-32";
  const cuda = "cuda/cuda-fp16";
  const { variants, common } = findVariants(asFiles([
    ...[
      "README.md",
      `${cpu}/model.onnx`,
      `${cpu}/model.onnx.data`,
      `${cpu}/genai_config.json`,
      `${cpu}/tokenizer.json`,
    ],
    ...[`${cuda}/model.onnx`, `${cuda}/model.onnx.data`, `${cuda}/genai_config.json`],
  ]));
  expect(common).toEqual(["README.md"]);
  expect(variants).toMatchObject([
    {
      name: "cpu-int4-rtn-block-32",
      files: [
        "README.md",
        `${cpu}/genai_config.json`,
        `${cpu}/model.onnx`,
        `${cpu}/model.onnx.data`,
        `${cpu}/tokenizer.json`,
      ],
      weightFiles: [`${cpu}/model.onnx`, `${cpu}/model.onnx.data`],
    },
    { name: "cuda-fp16", weightFiles: [`${cuda}/model.onnx`, `${cuda}/model.onnx.data`] },
  ]);
});

test("folders of one name are told apart by the ones above", () => {
  const files = ["cpu/int4", "cuda/int4"].flatMap((
    one,
  ) => [`${one}/model.onnx`, `${one}/genai_config.json`]);
  expect(Object.keys(weightsOf(files))).toEqual(["cpu-int4", "cuda-int4"]);
});

test("the networks of a pipeline lie in folders of their own", () => {
  expect(
    weightsOf(["unet/model.onnx", "unet/weights.pb", "vae_decoder/model.onnx", "unet/model_fp16.onnx"]),
  ).toEqual({
    fp32: ["unet/model.onnx", "unet/weights.pb", "vae_decoder/model.onnx"],
  });
});

test("a copy beside the folder onnx is left out", () => {
  expect(weightsOf(["model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx"])).toEqual({
    fp32: ["onnx/model.onnx"],
    q8: ["onnx/model_quantized.onnx"],
  });
});
