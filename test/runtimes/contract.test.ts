import { describe, expect, test } from "bun:test";
import type { Tensor, TensorRun } from "../../src/runtimes/index.ts";
import { linearOnnx } from "../helpers/onnx-files.ts";
import { tinyLlama } from "../helpers/tiny-llama.ts";
import { danglingOnnx, powerOnnx, unknownOperatorOnnx } from "./onnx-models.ts";
import { bench, failureOf, type Isolation } from "./setup.ts";

const TIMEOUT_MS = 30_000;

/** For `linearOnnx()`: y = x · w + b, by hand. */
const X = [1, 2, 3, 4];
const Y = [5.75, 7.75, 13];

function linear(...rows: readonly (readonly number[])[]): TensorRun {
  return { kind: "tensors", inputs: { x: float32([rows.length, 4], rows.flat()) } };
}

function float32(shape: readonly number[], values: readonly number[]): Tensor {
  return { dtype: "float32", shape, data: Float32Array.from(values) };
}

/** An identity matrix stays what it is, whatever its power; it takes a while to find out. */
function unit(size: number): TensorRun {
  const values = Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  return { kind: "tensors", inputs: { x: float32([size, size], values) } };
}

/** What every way of running a model has to do. */
function testIsolation(isolation: Isolation): void {
  describe(`in a ${isolation}`, () => {
    test("run() gives what the model computes", async () => {
      await using it = await bench();
      const model = await it.runtimes.load(await it.request({ "model.onnx": linearOnnx() }, { isolation }));
      const { outputs } = await model.run(linear(X, [0, 0, 0, 0]));
      expect(outputs).toEqual({ y: float32([2, 3], [...Y, 0.5, -0.25, 2]) });
      expect(model.metadata.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["batch", 4] }]);
      expect(model.memoryBytes).toBeGreaterThan(0);
    }, TIMEOUT_MS);

    test("run() answers calls that overlap, each with its own result", async () => {
      await using it = await bench();
      const model = await it.runtimes.load(await it.request({ "model.onnx": linearOnnx() }, { isolation }));
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, i) => model.run(linear([i, 0, 0, 0]))),
      );
      expect(answers.map(({ outputs }) => (outputs["y"] as Tensor).data[0]))
        .toEqual(Array.from({ length: 40 }, (_, i) => i + 0.5));
    }, TIMEOUT_MS);

    test("C20: an inference of some time holds up nothing else", async () => {
      await using it = await bench();
      const slow = await it.runtimes.load(
        await it.request({ "model.onnx": powerOnnx(20) }, { isolation, options: { threads: 1 } }),
      );
      const quick = await it.runtimes.load(await it.request({ "model.onnx": linearOnnx() }, { isolation }));
      const order: string[] = [];
      const running = slow.run(unit(700)).then(() => order.push("slow"));
      for (let i = 0; i < 5; i++) await quick.run(linear(X));
      order.push("quick");
      await running;
      expect(order).toEqual(["quick", "slow"]);
    }, TIMEOUT_MS);

    test("run() of a caller who leaves ends at once, and the model goes on", async () => {
      await using it = await bench();
      const model = await it.runtimes.load(
        await it.request({ "model.onnx": powerOnnx(20) }, { isolation, options: { threads: 1 } }),
      );
      const leaving = new AbortController();
      const order: string[] = [];
      const stays = model.run(unit(500)).then(() => order.push("stays"));
      const leaves = failureOf(model.run(unit(500), leaving.signal)).finally(() => order.push("leaves"));
      leaving.abort();
      expect(await leaves).toMatchObject({ code: "CANCELLED" });
      await stays;
      expect(order).toEqual(["leaves", "stays"]);
    }, TIMEOUT_MS);

    test("run() is refused when too many wait", async () => {
      await using it = await bench({ waitingMax: 2 });
      const model = await it.runtimes.load(
        await it.request({ "model.onnx": powerOnnx(10) }, { isolation, options: { threads: 1 } }),
      );
      const outcomes = await Promise.allSettled(Array.from({ length: 9 }, () => model.run(unit(300))));
      const failures = outcomes.filter((outcome) => outcome.status === "rejected");
      expect(failures.length).toBeGreaterThan(0);
      expect(failures.length).toBeLessThan(9);
      for (const { reason } of failures) {
        expect(reason).toMatchObject({ code: "MODEL_BUSY", retryable: true });
      }
    }, TIMEOUT_MS);

    test("generate() streams the text that it gives", async () => {
      await using it = await bench();
      const model = await it.runtimes.load(await it.request({ "m.gguf": tinyLlama() }, { isolation }));
      const pieces: string[] = [];
      const run = {
        ...{ kind: "generate", prompt: "hello", maxTokens: 24, temperature: 1, seed: 7 } as const,
      };
      const result = await model.generate(run, (text) => pieces.push(text));
      expect(result).toMatchObject({ text: pieces.join(""), finishReason: "length", completionTokens: 24 });
      expect(pieces.length).toBeGreaterThan(1);
      expect(await model.generate(run)).toEqual(result);
    }, TIMEOUT_MS);

    test("generate() stops when its caller wants it to, with what there is", async () => {
      await using it = await bench();
      const model = await it.runtimes.load(await it.request({ "m.gguf": tinyLlama() }, { isolation }));
      const stopping = new AbortController();
      const run = { kind: "generate", prompt: "hello", maxTokens: 400 } as const;
      const whole = await model.generate(run);
      const part = await model.generate(run, () => stopping.abort(), stopping.signal);
      expect(part.finishReason).toBe("cancelled");
      expect(part.completionTokens).toBeLessThan(whole.completionTokens);
      expect(whole.text).toStartWith(part.text);
    }, TIMEOUT_MS);

    test("embed() gives a vector as wide as the model, the same for the same text", async () => {
      await using it = await bench();
      const model = await it.runtimes.load(
        await it.request({ "m.gguf": tinyLlama({ width: 96 }) }, { isolation }),
      );
      const run = { kind: "embed", input: "hello" } as const;
      const { embedding, promptTokens } = await model.embed(run);
      expect(embedding).toHaveLength(96);
      expect(embedding.some((value) => value !== 0)).toBe(true);
      expect(promptTokens).toBeGreaterThan(1);
      expect((await model.embed(run)).embedding).toEqual(embedding);
      expect((await model.embed({ kind: "embed", input: "world" })).embedding).not.toEqual(embedding);
    }, TIMEOUT_MS);

    test("a model refuses what its runtime does not do, and stays usable", async () => {
      await using it = await bench();
      const onnx = await it.runtimes.load(await it.request({ "model.onnx": linearOnnx() }, { isolation }));
      const refused = { code: "NOT_SUPPORTED" };
      expect(await failureOf(onnx.generate({ kind: "generate", prompt: "a", maxTokens: 1 }))).toMatchObject(
        refused,
      );
      expect(await failureOf(onnx.embed({ kind: "embed", input: "a" }))).toMatchObject(refused);
      expect((await onnx.run(linear(X))).outputs["y"]).toEqual(float32([1, 3], Y));
    }, TIMEOUT_MS);

    test("load() names what is wrong with a file that the runtime does not take", async () => {
      await using it = await bench();
      const load = async (files: Record<string, Uint8Array>) =>
        failureOf(it.runtimes.load(await it.request(files, { isolation })));
      expect(await load({ "model.onnx": danglingOnnx() }))
        .toMatchObject({ code: "MODEL_BROKEN", message: expect.stringContaining("nobody") });
      expect(await load({ "model.onnx": unknownOperatorOnnx() }))
        .toMatchObject({ code: "NOT_SUPPORTED", message: expect.stringContaining("Frobnicate") });
      expect(await load({ "m.gguf": tinyLlama({ without: "blk.1.ffn_up.weight" }) }))
        .toMatchObject({ code: "MODEL_BROKEN", message: expect.stringContaining("blk.1.ffn_up.weight") });
    }, TIMEOUT_MS);

    test("load() of a caller who leaves ends, and the same model can be loaded again", async () => {
      await using it = await bench();
      const request = await it.request({ "m.gguf": tinyLlama({ width: 256, layers: 4 }) }, { isolation });
      for (const waitMs of [0, 60, 200]) {
        const failure = await failureOf(it.runtimes.load(request, AbortSignal.timeout(waitMs)));
        expect(failure).toMatchObject({ code: "CANCELLED" });
        if (waitMs > 0 && isolation === "process") break;
      }
      const model = await it.runtimes.load(request);
      expect(await model.generate({ kind: "generate", prompt: "a", maxTokens: 2 }))
        .toMatchObject({ completionTokens: 2 });
    }, TIMEOUT_MS);

    test("dispose() waits for running calls, and refuses later ones", async () => {
      await using it = await bench();
      const model = await it.runtimes.load(
        await it.request({ "model.onnx": powerOnnx(10) }, { isolation, options: { threads: 1 } }),
      );
      const running = model.run(unit(400));
      const disposing = model.dispose();
      expect(await failureOf(model.run(unit(2)))).toMatchObject({ code: "MODEL_BUSY" });
      await disposing;
      expect((await running).outputs["y"]).toEqual(unit(400).inputs["x"]);
      await model.dispose();
    }, TIMEOUT_MS);
  });
}

testIsolation("thread");
testIsolation("process");
