import { expect, test } from "bun:test";
import type { LarderError } from "../../../src/core/index.ts";
import { bfloat16Bits, bfloat16Of, float16Bits, float16Of } from "../../../src/library/models/half-floats.ts";
import { rowsFrom, tensorFrom, toJsonTensor } from "../../../src/library/models/json-tensors.ts";
import type { Dtype, TensorSpec } from "../../../src/runtimes/index.ts";

function spec(dtype: Dtype, ...shape: TensorSpec["shape"]): TensorSpec {
  return { name: "x", dtype, shape };
}

function refusal(work: () => unknown): LarderError {
  try {
    work();
  } catch (error) {
    return error as LarderError;
  }
  throw new Error("it was taken");
}

test("rows become a tensor of the model's type, a single row may stand alone", () => {
  const rows = rowsFrom([[1, 2], [3, 4], [5, 6]], spec("float32", "batch", 2));
  expect(rows).toEqual({ dtype: "float32", shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
  expect(rowsFrom([1, 2], spec("float32", null, 2))).toEqual({
    dtype: "float32",
    shape: [1, 2],
    data: Float32Array.of(1, 2),
  });
});

test("a tensor written out, and nested by its shape on the way back", () => {
  const tensor = tensorFrom({ shape: [2, 1, 2], data: [1, 2, 3, 4] }, spec("int32", 2, 1, 2));
  expect(toJsonTensor(tensor)).toEqual({ dtype: "int32", shape: [2, 1, 2], data: [[[1, 2]], [[3, 4]]] });
});

test("what JSON has no words for: wide integers as strings, no numbers as null", () => {
  const wide = tensorFrom(["9007199254740993", 2], spec("int64", 2));
  expect(toJsonTensor(wide).data).toEqual(["9007199254740993", 2]);
  expect(toJsonTensor({ dtype: "float32", shape: [3], data: Float32Array.of(NaN, Infinity, 1.5) }).data)
    .toEqual([null, null, 1.5]);
  expect(toJsonTensor({ dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) }).data).toEqual([true, false]);
  expect(toJsonTensor({ dtype: "float64", shape: [], data: Float64Array.of(0.1) }).data).toBe(0.1);
});

// Each by hand: what is given, for which input, and what the error has to say of it.
const REFUSED: ReadonlyArray<readonly [readonly unknown[], TensorSpec, RegExp]> = [
  [[[1, 2, 3]], spec("float32", null, 4), /shape \[1, 3\]/],
  [[[1, 2], [3]], spec("float32", null, 2), /not of one length: 2 and 1/],
  [[[1, "2"]], spec("float32", null, 2), /"2" is no number/],
  [[[1, null]], spec("float64", null, 2), /null is no number/],
  [[1.5], spec("int64", 1), /1.5 is no whole number/],
  [[300], spec("uint8", 1), /300 is no whole number from 0 to 255/],
  [["9223372036854775808"], spec("int64", 1), /from -9223372036854775808 to 9223372036854775807/],
  [[-1], spec("uint64", 1), /-1 is no whole number from 0/],
  [[1], spec("string", 1), /1 is no string/],
  [["yes"], spec("bool", 1), /"yes" is neither/],
  [[[1], 2], spec("float32", 2, 1), /mixes values and arrays/],
];
for (const [given, wanted, what] of REFUSED) {
  test(`refused for ${wanted.dtype} [${wanted.shape}]: ${JSON.stringify(given)}`, () => {
    const error = refusal(() => tensorFrom(given, wanted));
    expect([error.code, error.field]).toEqual(["BAD_INPUT", "inputs.x"]);
    expect(error.message).toMatch(what);
    expect(error.hint).toContain(wanted.dtype);
  });
}

test("a written-out tensor with another dtype, or another number of values, is refused", () => {
  const int = spec("int32", null);
  expect(refusal(() => tensorFrom({ dtype: "int64", shape: [1], data: [1] }, int)).message).toContain(
    "int64",
  );
  expect(refusal(() => tensorFrom({ shape: [3], data: [1, 2] }, int)).message).toContain("2 values");
  expect(refusal(() => tensorFrom({ shape: [-1], data: [1] }, int)).message).toContain("whole numbers");
});

// IEEE 754-2019, binary16: the values of its examples and the ends of its range.
const HALVES: ReadonlyArray<readonly [number, number]> = [
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [0.333251953125, 0x3555],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [Infinity, 0x7c00],
  [-Infinity, 0xfc00],
];
test("half floats are those of IEEE 754, rounded to even", () => {
  for (const [value, bits] of HALVES) {
    expect([value, float16Bits(value), float16Of(bits)]).toEqual([value, bits, value]);
  }
  expect(float16Bits(65520)).toBe(0x7c00);
  expect(float16Bits(1 + 2 ** -11)).toBe(0x3c00);
  expect(float16Bits(1 + 3 * 2 ** -11)).toBe(0x3c02);
  expect(float16Bits(2 ** -25)).toBe(0x0000);
  expect(float16Of(float16Bits(NaN))).toBeNaN();
});

test("bfloat16 is the upper half of a float, rounded to even", () => {
  expect([bfloat16Bits(1), bfloat16Bits(-2), bfloat16Bits(3.140625)]).toEqual([0x3f80, 0xc000, 0x4049]);
  expect([bfloat16Bits(1 + 2 ** -8), bfloat16Bits(1 + 3 * 2 ** -8)]).toEqual([0x3f80, 0x3f82]);
  expect([bfloat16Of(0x3f80), bfloat16Of(0xff80)]).toEqual([1, -Infinity]);
  expect(bfloat16Of(bfloat16Bits(NaN))).toBeNaN();
});
