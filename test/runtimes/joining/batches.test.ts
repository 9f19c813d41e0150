import { expect, test } from "bun:test";
import { Semaphore } from "../../../src/core/index.ts";
import { Batches, type JoiningOptions } from "../../../src/runtimes/joining/batches.ts";
import type { JoinedAnswer } from "../../../src/runtimes/runner/messages.ts";
import { Turns } from "../../../src/runtimes/turns.ts";
import type { ModelMetadata, TensorResult, TensorRun } from "../../../src/runtimes/index.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { failureOf } from "../setup.ts";

const METADATA: ModelMetadata = {
  ...{ runtime: "onnx", architecture: null, parameters: null, contextLength: null, quantization: null },
  inputs: [{ name: "x", dtype: "float32", shape: ["batch"] }],
  outputs: [{ name: "y", dtype: "float32", shape: ["batch"] }],
  weightBytes: 0,
};

interface Runner {
  readonly batches: Batches;
  readonly clock: FakeClock;
  /** What the model was given: the first value of each request, of one run after the other. */
  readonly ran: number[][];
  /** Lets the oldest run end. */
  finish(): Promise<void>;
}

/** Answers with what it is given, when the test says so. */
function runner(
  options: Partial<JoiningOptions> = {},
  answer: Partial<JoinedAnswer> = {},
  slots = 1,
): Runner {
  const clock = new FakeClock();
  const ran: number[][] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const take = async (runs: readonly TensorRun[]) => {
    const ended = Promise.withResolvers<void>();
    waiting.push(ended);
    ran.push(runs.map(({ inputs }) => Number(inputs["x"]?.data[0])));
    await ended.promise;
    return runs.map(({ inputs }) => ({ outputs: { y: inputs["x"] } }) as TensorResult);
  };
  const batches = new Batches({
    ...{ label: "acme/tiny@1:default", metadata: METADATA, rowsMax: 4, delayMs: 0, clock, ...options },
    turns: new Turns("acme/tiny@1:default", 100),
    slots: new Semaphore(slots),
    runOne: async (run) => (await take([run]))[0] as TensorResult,
    runJoined: async (runs) => {
      const results = await take(runs);
      return { outcomes: results.map((result) => ({ result })), isJoined: true, ...answer };
    },
  });
  const finish = async () => {
    waiting.shift()?.resolve();
    await clock.advance(0);
  };
  return { batches, clock, ran, finish };
}

function one(value: number, rows = 1): TensorRun {
  return {
    kind: "tensors",
    inputs: { x: { dtype: "float32", shape: [rows], data: new Float32Array(rows).fill(value) } },
  };
}

test("a request to an idle model waits for nobody; those that come meanwhile go together", async () => {
  const { batches, clock, ran, finish } = runner();
  const first = batches.run(one(1), undefined);
  await clock.advance(0);
  expect(ran).toEqual([[1]]);
  const others = [2, 3, 4].map((value) => batches.run(one(value), undefined));
  await clock.advance(0);
  expect(ran).toEqual([[1]]);
  await finish();
  expect(ran).toEqual([[1], [2, 3, 4]]);
  await finish();
  expect((await first).outputs["y"]).toEqual(one(1).inputs["x"]);
  expect((await Promise.all(others)).map(({ outputs }) => outputs["y"]))
    .toEqual([2, 3, 4].map((value) => one(value).inputs["x"]));
});

test("a batch that is full takes nobody in, and one that lacks the room for all rows of the next neither", async () => {
  const { batches, clock, ran, finish } = runner();
  void batches.run(one(1), undefined);
  await clock.advance(0);
  for (const [value, rows] of [[2, 3], [3, 1], [4, 3], [5, 2], [6, 9], [7, 1]] as const) {
    void batches.run(one(value, rows), undefined);
  }
  for (let i = 0; i < 6; i++) await finish();
  expect(ran).toEqual([[1], [2, 3], [4], [5], [6], [7]]);
});

test("requests of many bytes together do not go together", async () => {
  const { batches, clock, ran, finish } = runner({ rowsMax: 2 ** 30 });
  void batches.run(one(1), undefined);
  await clock.advance(0);
  // 40 MiB each.
  for (const value of [2, 3]) void batches.run(one(value, 10 * 2 ** 20), undefined);
  for (let i = 0; i < 3; i++) await finish();
  expect(ran).toEqual([[1], [2], [3]]);
});

test("max_delay_ms: the first waits for company that long, and no longer", async () => {
  const { batches, clock, ran } = runner({ delayMs: 50 });
  void batches.run(one(1), undefined);
  await clock.advance(49);
  void batches.run(one(2), undefined);
  expect(ran).toEqual([]);
  await clock.advance(1);
  expect(ran).toEqual([[1, 2]]);
});

test("max_delay_ms: a batch that is full goes at once", async () => {
  const { batches, clock, ran } = runner({ delayMs: 50 });
  for (const value of [1, 2, 3, 4]) void batches.run(one(value), undefined);
  await clock.advance(0);
  expect(ran).toEqual([[1, 2, 3, 4]]);
});

test("max_delay_ms: a batch that lacks the room for the next request goes at once, and that one waits", async () => {
  const { batches, clock, ran, finish } = runner({ delayMs: 50 });
  void batches.run(one(1, 3), undefined);
  void batches.run(one(2, 2), undefined);
  void batches.run(one(3), undefined);
  await clock.advance(0);
  expect(ran).toEqual([[1]]);
  await finish();
  await clock.advance(50);
  expect(ran).toEqual([[1], [2, 3]]);
});

test("a caller who leaves takes only itself out, and makes room", async () => {
  const { batches, clock, ran, finish } = runner({ delayMs: 50 });
  const leaving = new AbortController();
  const stays = batches.run(one(1, 2), undefined);
  const leaves = failureOf(batches.run(one(2), leaving.signal));
  leaving.abort();
  expect(await leaves).toMatchObject({ code: "CANCELLED" });
  void batches.run(one(3, 2), undefined);
  await clock.advance(0);
  expect(ran).toEqual([[1, 3]]);
  await finish();
  expect((await stays).outputs["y"]).toEqual(one(1, 2).inputs["x"]);
});

test("a batch that all have left takes no turn, and whoever comes then is not in it", async () => {
  const { batches, clock, ran, finish } = runner();
  void batches.run(one(1), undefined);
  await clock.advance(0);
  const leaving = new AbortController();
  const left = [2, 3].map((value) => failureOf(batches.run(one(value), leaving.signal)));
  leaving.abort();
  for (const failure of await Promise.all(left)) expect(failure).toMatchObject({ code: "CANCELLED" });
  void batches.run(one(4), undefined);
  await finish();
  expect(ran).toEqual([[1], [4]]);
});

test("a caller who was gone before opens no batch", async () => {
  const { batches, clock, ran } = runner();
  expect(await failureOf(batches.run(one(1), AbortSignal.abort()))).toMatchObject({ code: "CANCELLED" });
  await clock.advance(0);
  expect(ran).toEqual([]);
});

test("a run that fails as a whole fails for each of its members", async () => {
  const { clock, ...it } = runner();
  const failing = new Batches({
    ...{ label: "acme/tiny@1:default", metadata: METADATA, rowsMax: 4, delayMs: 5, clock },
    ...{ turns: new Turns("acme/tiny@1:default", 100), slots: new Semaphore(1) },
    runOne: () => Promise.reject(new Error("one")),
    runJoined: () => Promise.reject(new Error("joined")),
  });
  const failures = [1, 2].map((value) => failureOf(failing.run(one(value), undefined)));
  await clock.advance(5);
  expect(await Promise.all(failures)).toMatchObject([{ message: "joined" }, { message: "joined" }]);
  expect(it.ran).toEqual([]);
});

test("after a refusal of the runner each request runs alone, and waits for no company", async () => {
  const { batches, clock, ran, finish } = runner({ delayMs: 50 }, { refusal: "rows influence each other" });
  void batches.run(one(1), undefined);
  void batches.run(one(2), undefined);
  await clock.advance(50);
  await finish();
  for (const value of [3, 4]) void batches.run(one(value), undefined);
  await clock.advance(0);
  await finish();
  expect(ran).toEqual([[1, 2], [3], [4]]);
});
