import { expect, test } from "bun:test";
import { Shares } from "../../../src/runtimes/joining/shares.ts";
import type { ModelMetadata, Tensor, TensorSpec } from "../../../src/runtimes/index.ts";

type Shape = TensorSpec["shape"];

function shares(inputs: Readonly<Record<string, Shape>>, outputs: Readonly<Record<string, Shape>>): Shares {
  const specs = (shapes: Readonly<Record<string, Shape>>) =>
    Object.entries(shapes).map(([name, shape]): TensorSpec => ({ name, dtype: "float32", shape }));
  return new Shares({ inputs: specs(inputs), outputs: specs(outputs) } as unknown as ModelMetadata);
}

function run(shapes: Readonly<Record<string, readonly number[]>>, outputs?: readonly string[]) {
  const tensor = (shape: readonly number[]): Tensor => ({
    ...{ dtype: "float32", shape },
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  });
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, tensor(shape)]));
  return { kind: "tensors", inputs, ...(outputs && { outputs }) } as const;
}

test("a run brings the rows and bytes of all its inputs", () => {
  const share = shares({ a: ["batch", 4], b: ["batch"] }, { y: ["batch"] }).of(run({ a: [3, 4], b: [3] }));
  expect(share).toMatchObject({ rows: 3, bytes: 3 * 5 * 4 });
});

test("runs are alike whose inputs differ in rows and order only", () => {
  const it = shares({ a: [null, null], b: [null] }, { y: [null], z: [null] });
  const key = (...args: Parameters<typeof run>) => it.of(run(...args))?.key;
  expect(key({ a: [3, 4], b: [3] })).toBe(key({ b: [1], a: [1, 4] }) ?? "none");
  expect(key({ a: [3, 4], b: [3] })).not.toBe(key({ a: [3, 5], b: [3] }));
  expect(key({ a: [3, 4], b: [3] })).not.toBe(key({ a: [3, 4], b: [3] }, ["y"]));
  expect(key({ a: [3, 4], b: [3] })).toBe(key({ a: [3, 4], b: [3] }, ["y", "z"]) ?? "none");
});

test("inputs with different numbers of rows, or none, are not to be joined", () => {
  const it = shares({ a: [null, 4], b: [null] }, { y: [null] });
  expect(it.of(run({ a: [3, 4], b: [2] }))).toBeUndefined();
  expect(it.of(run({ a: [0, 4], b: [0] }))).toBeUndefined();
});

test("a model is not to be joined whose inputs have fixed, different or no first dimensions", () => {
  expect(shares({ a: [1, 4] }, { y: [null] }).areAny).toBe(false);
  expect(shares({ a: ["batch", 4], b: ["words"] }, { y: ["batch"] }).areAny).toBe(false);
  expect(shares({ a: [] }, { y: [null] }).areAny).toBe(false);
  expect(shares({}, { y: [null] }).areAny).toBe(false);
});

test("runs that want an output of fixed or other rows are not to be joined, others are", () => {
  const it = shares({ a: ["batch"] }, { y: ["batch"], classes: [3], boxes: ["boxes", 4], open: [null] });
  expect(it.areAny).toBe(true);
  expect(it.of(run({ a: [1] }))).toBeUndefined();
  expect(it.of(run({ a: [1] }, ["y", "open"]))).toBeDefined();
  for (const output of ["classes", "boxes"]) expect(it.of(run({ a: [1] }, [output]))).toBeUndefined();
});
