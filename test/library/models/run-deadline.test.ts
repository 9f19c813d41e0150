import { expect, test } from "bun:test";
import { isLarderError, LarderError } from "../../../src/core/index.ts";
import { withinDeadline } from "../../../src/library/models/run-deadline.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { transformerOnnx } from "../../helpers/onnx-files.ts";
import { place } from "./place.ts";

const MODEL = "acme/transformer";

/** A run that ends in its time, or as a runtime ends one whose caller has left. */
function runOf(clock: FakeClock, ms: number) {
  return async (signal: AbortSignal | undefined) => {
    await clock.sleep(ms, signal).catch(() => {
      throw new LarderError("CANCELLED", "Cannot finish: the caller has left");
    });
    return "done";
  };
}

const call = (clock: FakeClock, deadlineMs?: number, signal?: AbortSignal) => ({
  ...{ clock, deadlineMs, signal, startMs: clock.monotonicMs(), label: () => "m@1:default" },
});

const codeOf = (promise: Promise<unknown>) =>
  promise.catch((error: unknown) => isLarderError(error) ? error.code : error);

test("what loading took is no longer there for the run", async () => {
  const clock = new FakeClock();
  const given = call(clock, 100);
  await clock.advance(60);
  const inTime = codeOf(withinDeadline(given, runOf(clock, 39)));
  const late = codeOf(withinDeadline(given, runOf(clock, 41)));
  await clock.advance(100);
  expect([await inTime, await late]).toEqual(["done", "DEADLINE_EXCEEDED"]);
  expect(clock.sleeping).toBe(0);
});

test("without a deadline, and with none left to wait for loads, a run takes as long as it takes", async () => {
  const clock = new FakeClock();
  const runs = [undefined, 0].map((deadlineMs) =>
    codeOf(withinDeadline(call(clock, deadlineMs), runOf(clock, 9999)))
  );
  await clock.advance(10_000);
  expect(await Promise.all(runs)).toEqual(["done", "done"]);
});

test("who leaves is told so, and an error of the model stays what it is", async () => {
  const clock = new FakeClock();
  const leaving = new AbortController();
  const left = codeOf(withinDeadline(call(clock, 100, leaving.signal), runOf(clock, 500)));
  await clock.advance(10);
  leaving.abort();
  expect(await left).toBe("CANCELLED");
  const broken = withinDeadline(
    call(clock, 100),
    () => Promise.reject(new LarderError("BAD_INPUT", "Cannot")),
  );
  expect(await codeOf(broken)).toBe("BAD_INPUT");
  expect(clock.sleeping).toBe(0);
});

test("a run that is longer than the deadline is given up, and the model goes on", async () => {
  await using at = await place();
  await at.add(MODEL, "1", { "model.onnx": transformerOnnx() });
  const { models } = at.larder.library;
  await models.load({ model: MODEL });
  // Attention over so many tokens takes a tenth of a second where it is fast.
  const long = 4096;
  const tokens = (count: number) => ({
    dtype: "int64" as const,
    shape: [1, count],
    data: new BigInt64Array(count).fill(1n),
  });
  const inputs = (count: number) => ({ input_ids: tokens(count), attention_mask: tokens(count) });
  const late = await models.infer({ model: MODEL }, inputs(long), undefined, { deadlineMs: 20 })
    .catch((error: unknown) => error);
  expect(late).toMatchObject({ code: "DEADLINE_EXCEEDED", field: "deadline_ms", retryable: true });
  const { outputs } = await models.infer({ model: MODEL }, inputs(2), undefined, { deadlineMs: 60_000 });
  expect(outputs["logits"]).toMatchObject({ shape: [1, 2, 32] });
  expect(models.cacheStats()).toMatchObject({ total_loads: 1, cache_size: 1, crashes: 0 });
}, 120_000);
