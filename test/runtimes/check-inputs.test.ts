import { expect, test } from "bun:test";
import { isLarderError } from "../../src/core/index.ts";
import { checkInputs } from "../../src/runtimes/check-inputs.ts";
import type { ModelMetadata, Tensor, TensorRun } from "../../src/runtimes/index.ts";

const METADATA: ModelMetadata = {
  runtime: "onnx",
  architecture: null,
  parameters: null,
  contextLength: null,
  quantization: null,
  inputs: [
    { name: "x", dtype: "float32", shape: ["batch", 2] },
    { name: "names", dtype: "string", shape: [null] },
  ],
  outputs: [{ name: "y", dtype: "float32", shape: ["batch"] }],
  weightBytes: 0,
};
const X: Tensor = { dtype: "float32", shape: [1, 2], data: Float32Array.of(1, 2) };
const NAMES: Tensor = { dtype: "string", shape: [1], data: ["a"] };

function check(inputs: Record<string, unknown>, others: Partial<TensorRun> = {}) {
  try {
    checkInputs("iris@2", { kind: "tensors", inputs: inputs as Record<string, Tensor>, ...others }, METADATA);
    return "fine";
  } catch (error) {
    if (!isLarderError(error, "BAD_INPUT")) throw error;
    return `${error.field}: ${error.message}`;
  }
}

test("checkInputs() takes what the model's header asks for", () => {
  expect(check({ x: X, names: NAMES })).toBe("fine");
  expect(check({ x: { ...X, shape: [0, 2], data: new Float32Array() }, names: NAMES }, { outputs: ["y"] }))
    .toBe("fine");
});

const WRONG:
  readonly (readonly [inputs: Record<string, unknown>, said: string, others?: Partial<TensorRun>])[] = [
    [{ names: NAMES }, "x: Cannot run iris@2: input x (float32 [batch, 2]) is missing"],
    [{ x: X, names: NAMES, z: X }, "z: Cannot run iris@2: it has no input z, but x, names"],
    [
      { x: { ...X, dtype: "float64" }, names: NAMES },
      "x: Cannot run iris@2: input x is float64, but must be float32 [batch, 2]",
    ],
    [
      { x: { ...X, shape: [2] }, names: NAMES },
      "x: Cannot run iris@2: input x has shape [2], but must be float32 [batch, 2]",
    ],
    [
      { x: { ...X, shape: [1, 3] }, names: NAMES },
      "x: Cannot run iris@2: input x has shape [1, 3], but must be float32 [batch, 2]",
    ],
    [
      { x: { ...X, shape: [-1, 2] }, names: NAMES },
      "x: Cannot run iris@2: input x has shape [-1, 2], but must be float32 [batch, 2]",
    ],
    [
      { x: { ...X, shape: [2, 2] }, names: NAMES },
      "x: Cannot run iris@2: input x has 2 values, but shape [2, 2] needs 4",
    ],
    [
      { x: { ...X, data: Float64Array.of(1, 2) }, names: NAMES },
      "x: Cannot run iris@2: input x has values of another kind than float32",
    ],
    [
      { x: X, names: { ...NAMES, data: [1] } },
      "names: Cannot run iris@2: input names has values of another kind than string",
    ],
    [{ x: X, names: NAMES }, "outputs: Cannot run iris@2: it has no output z, but y", {
      outputs: ["y", "z"],
    }],
  ];

for (const [inputs, said, others] of WRONG) {
  test(`checkInputs() says ${said.replace(/^.*?iris@2: /, "")}`, () => {
    expect(check(inputs, others)).toBe(said);
  });
}
