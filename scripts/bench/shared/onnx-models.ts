import { mkdirSync, writeFileSync } from "node:fs";
import { createCipheriv, createHash } from "node:crypto";
import { dirname } from "node:path";
import {
  floatTensor,
  ONNX_TYPE,
  onnxModel,
  type OnnxNode,
  onnxTensor,
  onnxValue,
  tensorType,
} from "../../onnx/onnx-proto.ts";

/** Rows of the weights of {@link heavyOnnx} and {@link layerOnnx}. */
const HEAVY_WIDTH = 1024;
const CHAIN_WIDTH = 512;
const IO = {
  inputs: [onnxValue("x", tensorType("float32", [1]))],
  outputs: [onnxValue("y", tensorType("float32", []))],
};
/** All axes, to one number. */
const MEAN: Omit<OnnxNode, "inputs"> = {
  op: "ReduceMean",
  outputs: ["y"],
  attributes: { keepdims: { int: 0 } },
};

/** What every model here is given. */
export const ONE_NUMBER = { inputs: { x: [0.5] } } as const;

/**
 * `x: float32 [1]` → `y: float32 []`, by so many products of 512 × 512 matrices, one after the other: small on disk and on the wire,
 * and as slow as is wanted. The weights keep a row's sum at one, so that nothing overflows.
 */
export function chainOnnx(products: number): Uint8Array<ArrayBuffer> {
  const weights = new Array<number>(CHAIN_WIDTH ** 2).fill(1 / CHAIN_WIDTH);
  const nodes = Array.from({ length: products }, (_, i): OnnxNode => ({
    op: "MatMul",
    inputs: [`m${i}`, "w"],
    outputs: [`m${i + 1}`],
  }));
  return onnxModel({
    ...IO,
    // Of the input: what follows from weights alone is computed when a model is loaded.
    nodes: [
      { op: "Add", inputs: ["w", "x"], outputs: ["m0"] },
      ...nodes,
      { ...MEAN, inputs: [`m${products}`] },
    ],
    initializers: [floatTensor("w", [CHAIN_WIDTH, CHAIN_WIDTH], weights)],
  });
}

/**
 * `x: float32 [1]` → `y: float32 []` with about so many bytes of weights, other ones for each seed.
 *
 * @param reads `all` multiplies with all of them, so that the runtime keeps them in an order of its own; `row` looks at one row, and
 * such a model runs at once however large it is.
 */
export function heavyOnnx(
  seed: string,
  sizeBytes: number,
  reads: keyof typeof READS,
): Uint8Array<ArrayBuffer> {
  const columns = Math.ceil(sizeBytes / 4 / HEAVY_WIDTH);
  return onnxModel({
    ...IO,
    nodes: [...READS[reads], { ...MEAN, inputs: ["part"] }],
    initializers: [
      onnxTensor("w", "float32", [HEAVY_WIDTH, columns], smallFloats(seed, HEAVY_WIDTH * columns)),
      onnxTensor("ones", "float32", [1, HEAVY_WIDTH], smallFloats("ones", HEAVY_WIDTH)),
    ],
  });
}

const READS = {
  all: [
    { op: "Add", inputs: ["ones", "x"], outputs: ["factors"] },
    { op: "MatMul", inputs: ["factors", "w"], outputs: ["part"] },
  ],
  row: [
    { op: "Cast", inputs: ["x"], outputs: ["index"], attributes: { to: { int: ONNX_TYPE.int64 } } },
    { op: "Gather", inputs: ["w", "index"], outputs: ["part"] },
  ],
} as const satisfies Readonly<Record<string, readonly OnnxNode[]>>;

/**
 * `x: float32 [batch, 1]` → `y: float32 [batch]` with so many bytes of weights, which every run reads as a whole: many rows take hardly
 * longer than one.
 */
export function layerOnnx(seed: string, sizeBytes: number): Uint8Array<ArrayBuffer> {
  const columns = Math.ceil(sizeBytes / 4 / HEAVY_WIDTH);
  return onnxModel({
    inputs: [onnxValue("x", tensorType("float32", ["batch", 1]))],
    outputs: [onnxValue("y", tensorType("float32", ["batch"]))],
    nodes: [
      { op: "Mul", inputs: ["x", "ones"], outputs: ["wide"] },
      { op: "MatMul", inputs: ["wide", "w"], outputs: ["part"] },
      { ...MEAN, inputs: ["part"], attributes: { ...MEAN.attributes, axes: { ints: [1] } } },
    ],
    initializers: [
      onnxTensor("w", "float32", [HEAVY_WIDTH, columns], smallFloats(seed, HEAVY_WIDTH * columns)),
      onnxTensor("ones", "float32", [1, HEAVY_WIDTH], smallFloats("ones", HEAVY_WIDTH)),
    ],
  });
}

/** A model of a few hundred bytes, another one for each seed. */
export function tinyOnnx(seed: number): Uint8Array<ArrayBuffer> {
  return onnxModel({
    ...IO,
    nodes: [{ op: "Add", inputs: ["w", "x"], outputs: ["sum"] }, { ...MEAN, inputs: ["sum"] }],
    initializers: [floatTensor("w", [1], [seed])],
  });
}

export function writeModel(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

/** Random ones whose exponent is that of numbers from 1 to 2, so that none is infinite or denormal. */
function smallFloats(seed: string, count: number): Uint8Array {
  const key = createHash("sha256").update(seed).digest().subarray(0, 16);
  const bytes = createCipheriv("aes-128-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(count * 4));
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, count);
  for (let i = 0; i < count; i++) words[i] = ((words[i] ?? 0) & 0x007fffff) | 0x3f800000;
  return bytes;
}
