import { describe, expect, test } from "bun:test";
import type { LoadedModel, Tensor, TensorRun } from "../../../src/runtimes/index.ts";
import { linearOnnx, treeOnnx } from "../../helpers/onnx-files.ts";
import {
  columnMeanOnnx,
  columnSoftmaxOnnx,
  identityOnnx,
  reshapeOnnx,
  rowSumOnnx,
  tableOnnx,
} from "../onnx-models.ts";
import { bench, failureOf, type Isolation } from "../setup.ts";

const TIMEOUT_MS = 30_000;

function float32(shape: readonly number[], values: readonly number[]): Tensor {
  return { dtype: "float32", shape, data: Float32Array.from(values) };
}

function run(inputs: Readonly<Record<string, Tensor>>): TensorRun {
  return { kind: "tensors", inputs };
}

/** For `linearOnnx()`: the first weight row is 1, -2, 0.5 and the bias 0.5, -0.25, 2. */
const unit = (i: number) => run({ x: float32([1, 4], [i, 0, 0, 0]) });
const unitAnswer = (i: number) => ({ y: float32([1, 3], [i + 0.5, -2 * i - 0.25, 0.5 * i + 2]) });

interface Joining extends AsyncDisposable {
  readonly model: LoadedModel;
  /** Rows of each run, in their order. */
  readonly rows: number[];
}

async function joining(file: Uint8Array, isolation: Isolation, options: object = {}): Promise<Joining> {
  const rows: number[] = [];
  const it = await bench({ onRows: (count) => rows.push(count) });
  const request = { isolation, options: { max_batch: 32, ...options } };
  const model = await it.runtimes.load(await it.request({ "model.onnx": file }, request));
  return { model, rows, [Symbol.asyncDispose]: () => it[Symbol.asyncDispose]() };
}

/** All at once, so that all but the first wait for their turn. */
async function ask(model: LoadedModel, runs: readonly TensorRun[]) {
  return (await Promise.all(runs.map((one) => model.run(one)))).map(({ outputs }) => outputs);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

const times = <T>(count: number, make: (i: number) => T) => Array.from({ length: count }, (_, i) => make(i));

function testJoining(isolation: Isolation): void {
  describe(`joined in a ${isolation}`, () => {
    test("requests that wait run as one, and each gets its own answer", async () => {
      await using it = await joining(linearOnnx(), isolation);
      expect(await ask(it.model, times(100, unit))).toEqual(times(100, unitAnswer));
      // The first batch is run one by one, to see whether that comes to the same.
      expect(it.rows).toEqual([...times(32, () => 1), 32, 32, 4]);
    }, TIMEOUT_MS);

    test("requests of several rows get all of theirs, and no run has more rows than it may", async () => {
      await using it = await joining(linearOnnx(), isolation, { max_batch: 8 });
      const several = (i: number) =>
        run({ x: float32([1 + (i % 5), 4], times(1 + (i % 5), (row) => [100 * i + row, 0, 0, 0]).flat()) });
      const answers = await ask(it.model, times(60, several));
      answers.forEach((outputs, i) => {
        const first = times(1 + (i % 5), (row) => 100 * i + row + 0.5);
        const { shape, data } = outputs["y"] as Tensor;
        expect(shape).toEqual([first.length, 3]);
        expect(first.map((_, row) => data[row * 3])).toEqual(first);
      });
      expect(Math.max(...it.rows)).toBeLessThanOrEqual(8);
      expect(sum(it.rows)).toBe(180);
      expect(it.rows.length).toBeLessThan(60);
    }, TIMEOUT_MS);

    test("only inputs of one shape are joined", async () => {
      await using it = await joining(rowSumOnnx(), isolation);
      const ones = (i: number) => run({ x: float32([1, 1 + (i % 2)], times(1 + (i % 2), () => i)) });
      for (let round = 0; round < 3; round++) {
        expect(await ask(it.model, times(20, ones)))
          .toEqual(times(20, (i) => ({ y: float32([1], [i * (1 + (i % 2))]) })));
      }
      // Two shapes: ten of each run together.
      expect(it.rows.slice(-2)).toEqual([10, 10]);
    }, TIMEOUT_MS);

    test("labels and probabilities of a forest come back to whom they belong", async () => {
      await using it = await joining(treeOnnx({ labels: ["a", "b", "c"] }), isolation);
      const flowers = [[1, 0], [4, 1], [4, 2]] as const;
      const answers = [
        {
          label: { dtype: "string", shape: [1], data: ["a"] },
          probabilities: { rows: [{ a: 1, b: 0, c: 0 }] },
        },
        {
          ...{ label: { dtype: "string", shape: [1], data: ["b"] } },
          probabilities: { rows: [{ a: 0, b: 0.875, c: 0.125 }] },
        },
        {
          ...{ label: { dtype: "string", shape: [1], data: ["c"] } },
          probabilities: { rows: [{ a: 0, b: 0.0625, c: 0.9375 }] },
        },
      ] as const;
      const flower = (i: number) => run({ float_input: float32([1, 4], [0, 0, ...flowers[i % 3] ?? []]) });
      for (let round = 0; round < 2; round++) {
        expect(await ask(it.model, times(12, flower))).toEqual(times(12, (i) => ({ ...answers[i % 3] })));
      }
      expect(it.rows.at(-1)).toBe(12);
    }, TIMEOUT_MS);

    test("texts are joined like numbers", async () => {
      await using it = await joining(identityOnnx("string"), isolation);
      const text = (i: number) => run({ x: { dtype: "string", shape: [1], data: [`grüße ${i}`] } });
      for (let round = 0; round < 2; round++) {
        expect(await ask(it.model, times(9, text)))
          .toEqual(times(9, (i) => ({ y: { dtype: "string", shape: [1], data: [`grüße ${i}`] } })));
      }
      expect(it.rows.at(-1)).toBe(9);
    }, TIMEOUT_MS);

    test("a request that the model refuses fails alone", async () => {
      await using it = await joining(tableOnnx(), isolation);
      const look = (i: number) =>
        it.model.run(run({ index: { dtype: "int64", shape: [1], data: BigInt64Array.of(BigInt(i)) } }));
      const found = async (i: number) => (await look(i)).outputs["y"];
      await Promise.all([0, 1, 2].map(found));
      const outcomes = await Promise.allSettled([0, 1, 7, 2].map(found));
      expect(outcomes.map((outcome) => outcome.status === "fulfilled" ? outcome.value : outcome.reason.code))
        .toEqual([float32([1], [10]), float32([1], [20]), "BAD_INPUT", float32([1], [30])]);
      // It was no reason to leave it.
      expect(await Promise.all([2, 1, 0].map(found)))
        .toEqual([float32([1], [30]), float32([1], [20]), float32([1], [10])]);
      expect(it.rows.at(-1)).toBe(3);
    }, TIMEOUT_MS);

    test("a caller who leaves takes nobody along", async () => {
      await using it = await joining(linearOnnx(), isolation);
      await ask(it.model, times(4, unit));
      const leaving = new AbortController();
      const calls = times(30, (i) => it.model.run(unit(i), i % 3 === 0 ? leaving.signal : undefined));
      const outcomes = Promise.allSettled(calls);
      leaving.abort();
      expect((await outcomes).map((one) => one.status === "fulfilled" ? one.value.outputs : one.reason.code))
        .toEqual(times(30, (i) => (i % 3 === 0 ? "CANCELLED" : unitAnswer(i))));
      expect(it.rows.at(-1)).toBe(20);
    }, TIMEOUT_MS);

    test("answers are those of single runs when rows influence each other", async () => {
      await using it = await joining(columnSoftmaxOnnx(), isolation);
      const one = (i: number) => run({ x: float32([1, 2], [i, -i]) });
      // Of one row a softmax down the columns is all ones.
      for (let round = 0; round < 3; round++) {
        expect(await ask(it.model, times(5, one))).toEqual(times(5, () => ({ y: float32([1, 2], [1, 1]) })));
      }
      expect(it.rows).toEqual(times(5, () => 1));
    }, TIMEOUT_MS);

    test("answers are those of single runs when the model makes one row of all", async () => {
      await using it = await joining(columnMeanOnnx(), isolation);
      const one = (i: number) => run({ x: float32([2, 2], [i, 1, i + 1, 3]) });
      for (let round = 0; round < 2; round++) {
        expect(await ask(it.model, times(5, one)))
          .toEqual(times(5, (i) => ({ y: float32([1, 2], [i + 0.5, 2]) })));
      }
    }, TIMEOUT_MS);

    test("answers are those of single runs when the model takes no other number of rows", async () => {
      await using it = await joining(reshapeOnnx(), isolation);
      const six = (i: number) => run({ x: float32([6], times(6, (j) => 10 * i + j)) });
      for (let round = 0; round < 2; round++) {
        expect(await ask(it.model, times(4, six)))
          .toEqual(times(4, (i) => ({ y: float32([2, 3], times(6, (j) => 10 * i + j)) })));
      }
    }, TIMEOUT_MS);

    test("nothing is joined unless the model's options say so", async () => {
      await using it = await joining(linearOnnx(), isolation, { max_batch: 1 });
      expect(await ask(it.model, times(40, unit))).toEqual(times(40, unitAnswer));
      expect(it.rows).toEqual([]);
    }, TIMEOUT_MS);

    test("too many that wait are refused, joined or not", async () => {
      await using it = await bench({ waitingMax: 8 });
      const request = { isolation, options: { max_batch: 4 } };
      const model = await it.runtimes.load(await it.request({ "model.onnx": linearOnnx() }, request));
      const outcomes = await Promise.allSettled(times(30, (i) => model.run(unit(i))));
      const failures = outcomes.filter((outcome) => outcome.status === "rejected");
      expect(failures).toHaveLength(22);
      for (const { reason } of failures) expect(reason).toMatchObject({ code: "MODEL_BUSY" });
    }, TIMEOUT_MS);

    test("dispose() waits for batches, and refuses later requests", async () => {
      await using it = await joining(linearOnnx(), isolation, { max_delay_ms: 20 });
      const asked = ask(it.model, times(3, unit));
      const disposing = it.model.dispose();
      expect(await failureOf(it.model.run(unit(0)))).toMatchObject({ code: "MODEL_BUSY" });
      await disposing;
      expect(await asked).toEqual(times(3, unitAnswer));
    }, TIMEOUT_MS);
  });
}

testJoining("thread");
testJoining("process");

test("a tensor that has moved elsewhere fails its own request and no other", async () => {
  await using it = await joining(linearOnnx(), "thread");
  await ask(it.model, times(4, unit));
  const torn = unit(5);
  const calls = [it.model.run(unit(0)), it.model.run(torn), it.model.run(unit(2))];
  structuredClone(0, {
    transfer: [(torn.inputs["x"] as Tensor & { data: Float32Array<ArrayBuffer> }).data.buffer],
  });
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("one tensor may be given with several requests", async () => {
  await using it = await joining(linearOnnx(), "thread");
  await ask(it.model, times(4, unit));
  const shared = unit(7);
  expect(await ask(it.model, [shared, unit(1), shared])).toEqual([
    unitAnswer(7),
    unitAnswer(1),
    unitAnswer(7),
  ]);
});
