import { expect, test } from "bun:test";
import { agree } from "../../../src/runtimes/joining/agreement.ts";
import type { Dtype, StructuredValue, Tensor, TensorData } from "../../../src/runtimes/index.ts";

function result(value: Tensor | StructuredValue) {
  return { outputs: { y: value } };
}

function areAlike(dtype: Dtype, a: TensorData, b: TensorData): boolean {
  const tensor = (data: TensorData) => result({ dtype, shape: [data.length], data });
  return agree(tensor(a), tensor(b));
}

test("fractions agree up to rounding, seen from the largest of them", () => {
  const a = Float32Array.of(1000, 0.001, -1);
  expect(areAlike("float32", a, Float32Array.of(1000.05, 0.0011, -1.05))).toBe(true);
  expect(areAlike("float32", a, Float32Array.of(1000, 0.001, -1.2))).toBe(false);
  expect(areAlike("float64", Float64Array.of(1), Float64Array.of(1.001))).toBe(false);
});

test("halves are compared as what they stand for: 1, its next neighbour, and 1.25", () => {
  expect(areAlike("float16", Uint16Array.of(0x3c00), Uint16Array.of(0x3c01))).toBe(true);
  expect(areAlike("float16", Uint16Array.of(0x3c00), Uint16Array.of(0x3d00))).toBe(false);
});

test("what is no fraction agrees with itself only", () => {
  expect(areAlike("int64", BigInt64Array.of(2n ** 60n), BigInt64Array.of(2n ** 60n))).toBe(true);
  expect(areAlike("int64", BigInt64Array.of(2n ** 60n), BigInt64Array.of(2n ** 60n + 1n))).toBe(false);
  expect(areAlike("string", ["a", "b"], ["a", "b"])).toBe(true);
  expect(areAlike("string", ["a", "b"], ["a", "c"])).toBe(false);
});

test("no number is one only where the other is none either, and so are infinities", () => {
  const [nan, infinity] = [Number.NaN, Infinity];
  expect(areAlike("float32", Float32Array.of(nan, infinity), Float32Array.of(nan, infinity))).toBe(true);
  expect(areAlike("float32", Float32Array.of(nan, 1), Float32Array.of(1, 1))).toBe(false);
  expect(areAlike("float32", Float32Array.of(1, infinity), Float32Array.of(1, -infinity))).toBe(false);
  expect(areAlike("float32", Float32Array.of(1, infinity), Float32Array.of(1, 2))).toBe(false);
});

test("shapes, types and names have to be the same", () => {
  const two = result({ dtype: "float32", shape: [2, 1], data: Float32Array.of(1, 2) });
  expect(agree(two, result({ dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 2) }))).toBe(false);
  expect(agree(two, result({ dtype: "int32", shape: [2, 1], data: Int32Array.of(1, 2) }))).toBe(false);
  expect(agree(two, { outputs: { ...two.outputs, z: two.outputs.y } })).toBe(false);
  expect(agree(two, result({ rows: [{ a: 1 }] }))).toBe(false);
});

test("probabilities by label agree up to rounding", () => {
  const rows = (a: number, b: number) => result({ rows: [{ a, b }] });
  expect(agree(rows(0.75, 0.25), rows(0.75001, 0.24999))).toBe(true);
  expect(agree(rows(0.75, 0.25), rows(0.25, 0.75))).toBe(false);
  expect(agree(rows(0.75, 0.25), result({ rows: [{ a: 0.75, c: 0.25 }] }))).toBe(false);
});
