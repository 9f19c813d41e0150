import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IRIS, SPECIES, stratifiedSplit } from "../../../scripts/demo/iris.ts";
import { predictLogistic, trainLogistic } from "../../../scripts/demo/logistic.ts";
import { trainDemo } from "../../../scripts/demo/train.ts";
import { onnxValue, tensorType } from "../../../scripts/onnx/onnx-proto.ts";
import { messageField } from "../../../scripts/onnx/protobuf.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const DEMO = join(import.meta.dir, "../../../src/demo/iris");
const TOLERANCE = 1e-5;
const trained = trainDemo();

interface Answers {
  readonly inputs: unknown;
  readonly outputs: unknown;
  readonly values: Readonly<
    Record<string, { readonly type: string; readonly dims: number[]; readonly data: unknown[] }>
  >;
}

/** What ONNX Runtime answers for all flowers, in another process. */
async function runOnnx(model: Uint8Array, ...names: string[]): Promise<Answers> {
  await using folder = await tempFolder();
  const path = join(folder.path, "model.onnx");
  writeFileSync(path, model);
  const rows = JSON.stringify(IRIS.map(({ features }) => features));
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "run-onnx.ts"), path, rows, ...names], {
    env: { PATH: process.env["PATH"], HOME: folder.path, ORT_DISABLE_TELEMETRY: "1" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if (await child.exited !== 0) throw new Error(err);
  return JSON.parse(out);
}

/** Of the flowers that were not trained on, from the runtime's answers: definitions written out once more. */
function metricsOf(shares: readonly number[]): Record<string, number> {
  const { test } = stratifiedSplit(IRIS, 25, 1936);
  const rows = test.map((flower) => {
    const at = IRIS.indexOf(flower) * 3;
    const [a = 0, b = 0, c = 0] = shares.slice(at, at + 3);
    return {
      right: flower.species,
      given: a >= b && a >= c ? 0 : b >= c ? 1 : 2,
      share: [a, b, c][flower.species]!,
    };
  });
  const count = (is: (row: typeof rows[number]) => boolean) => rows.filter(is).length;
  const f1s = [0, 1, 2].map((one) => {
    const hits = count(({ right, given }) => right === one && given === one);
    const precision = hits / count(({ given }) => given === one);
    const recall = hits / count(({ right }) => right === one);
    return 2 * precision * recall / (precision + recall);
  });
  return {
    accuracy: count(({ right, given }) => right === given) / rows.length,
    f1: (f1s[0]! + f1s[1]! + f1s[2]!) / 3,
    log_loss: rows.reduce((sum, { share }) => sum - Math.log(share), 0) / rows.length,
  };
}

function expectAnswers(shares: readonly unknown[], at: number): void {
  const { predict, metrics } = trained[at]!;
  const expected = IRIS.flatMap(({ features }) => predict(features));
  expect(shares).toHaveLength(450);
  const apart = expected.map((share, i) => Math.abs(share - Number(shares[i])));
  expect(Math.max(...apart)).toBeLessThanOrEqual(TOLERANCE);
  for (const [name, value] of Object.entries(metricsOf(shares as number[]))) {
    expect(Math.abs(value - metrics[name as keyof typeof metrics])).toBeLessThanOrEqual(TOLERANCE);
  }
}

for (const { version, model, metadata, metrics } of trained) {
  describe(version, () => {
    test("the committed files are what the script makes", () => {
      expect(Buffer.compare(readFileSync(join(DEMO, version, "model.onnx")), model)).toBe(0);
      expect(readFileSync(join(DEMO, version, "metadata.json"), "utf8")).toBe(metadata);
      expect(JSON.parse(metadata)).toMatchObject({ version, classes: [...SPECIES], metrics });
    });

    test("it is small, and right about flowers that it never saw", () => {
      expect(model.byteLength).toBeLessThan(100_000);
      expect(metrics.accuracy).toBeGreaterThan(0.9);
      expect(metrics.f1).toBeGreaterThan(0.9);
      expect(metrics.log_loss).toBeLessThan(0.3);
    });
  });
}

test("1.0.0 answers in ONNX Runtime as it was trained", async () => {
  const { inputs, outputs, values } = await runOnnx(trained[0]!.model, "label", "probabilities");
  expect(inputs).toMatchObject([{ name: "float_input", type: "float32", shape: ["N", 4] }]);
  expect(outputs).toMatchObject([
    { name: "label", type: "int64", shape: ["N"] },
    { name: "probabilities", type: "float32", shape: ["N", 3] },
  ]);
  expectAnswers(values["probabilities"]!.data, 0);
  const wanted = IRIS.map(({ features }) => greatest(trained[0]!.predict(features)));
  expect(values["label"]!.data).toEqual(wanted);
});

test("1.1.0 answers in ONNX Runtime as it was trained, with names of species", async () => {
  // The native module gives no sequences, so what goes into the ZipMap is asked for: fields of a message that comes twice add up.
  const shares = onnxValue("shares", tensorType("float32", ["N", 3]));
  const model = Buffer.concat([trained[1]!.model, messageField(7, messageField(12, shares))]);
  const { inputs, outputs, values } = await runOnnx(model, "output_label", "shares");
  expect(inputs).toMatchObject([{ name: "float_input", type: "float32", shape: ["N", 4] }]);
  expect(outputs).toMatchObject([
    { name: "output_label", type: "string", shape: ["N"] },
    { name: "output_probability", isTensor: false },
    { name: "shares", type: "float32" },
  ]);
  expectAnswers(values["shares"]!.data, 1);
  const wanted = IRIS.map(({ features }) => SPECIES[greatest(trained[1]!.predict(features))]!);
  expect(values["output_label"]!.data).toEqual(wanted);
});

function greatest(values: readonly number[]): number {
  return values.reduce((best, value, i) => value > values[best]! ? i : best, 0);
}

test("trainLogistic() ends where no weight can move without making the sum of losses and squares greater", () => {
  const { train } = stratifiedSplit(IRIS, 25, 1936);
  const model = trainLogistic(train);
  const deviations = [0, 1, 2, 3].map((i) => {
    const values = train.map(({ features }) => features[i]!);
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  });
  const cost = (weights: ReadonlyArray<readonly number[]>, bias: readonly number[]) => {
    const losses = train.map(({ features, species }) =>
      -Math.log(predictLogistic({ weights, bias }, features)[species]!)
    );
    const squares = weights.flatMap((row, i) => row.map((weight) => (weight * deviations[i]!) ** 2));
    return losses.reduce((sum, one) => sum + one) + squares.reduce((sum, one) => sum + one) / 2;
  };
  const least = cost(model.weights, model.bias);
  for (const move of [-0.01, 0.01]) {
    for (let i = 0; i < 3; i++) {
      expect(cost(model.weights, model.bias.with(i, model.bias[i]! + move))).toBeGreaterThan(least);
      for (let feature = 0; feature < 4; feature++) {
        const row = model.weights[feature]!;
        const moved = model.weights.with(feature, row.with(i, row[i]! + move));
        expect(cost(moved, model.bias)).toBeGreaterThan(least);
      }
    }
  }
});
