import { expect, test } from "bun:test";
import { RateLimit } from "../../src/core/rate-limit.ts";
import { FakeClock } from "../helpers/fake-clock.ts";

const NEVER = new AbortController().signal;

/** A taker of pieces of 1000 bytes; counts those that it has been let have. */
function taker(limit: RateLimit, signal: AbortSignal = NEVER) {
  const state = { pieces: 0, ended: undefined as unknown };
  const work = async () => {
    for (;;) {
      await limit.take(1000, signal);
      state.pieces++;
    }
  };
  work().catch((error: unknown) => state.ended = error);
  return state;
}

test("take() lets through as many bytes a second as were set", async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(10_000, clock);
  const state = taker(limit);
  await clock.advance(10_000);
  expect(state.pieces).toBeGreaterThanOrEqual(100);
  expect(state.pieces).toBeLessThanOrEqual(102); // a tenth of a second may be taken at once
});

test("several takers share the rate and each has its turn", async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(8_000, clock);
  const states = Array.from({ length: 4 }, () => taker(limit));
  await clock.advance(10_000);
  const pieces = states.map((state) => state.pieces);
  const sum = pieces.reduce((a, b) => a + b);
  expect(sum).toBeGreaterThanOrEqual(76);
  expect(sum).toBeLessThanOrEqual(84);
  expect(Math.max(...pieces) - Math.min(...pieces)).toBeLessThanOrEqual(1);
});

test("setRate() is felt at once by who waits at the old rate", async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(1, clock);
  const state = taker(limit);
  await clock.advance(5_000);
  expect(state.pieces).toBe(0);
  limit.setRate(10_000);
  await clock.advance(1_000);
  expect(state.pieces).toBeGreaterThanOrEqual(8);
  expect(state.pieces).toBeLessThanOrEqual(12);
});

test("setRate() slows down what runs", async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(100_000, clock);
  const state = taker(limit);
  await clock.advance(1_000);
  const before = state.pieces;
  expect(before).toBeGreaterThanOrEqual(99);
  limit.setRate(1_000);
  await clock.advance(10_000);
  expect(state.pieces - before).toBeGreaterThanOrEqual(9);
  expect(state.pieces - before).toBeLessThanOrEqual(12);
});

test("what was not taken in time is not saved up", async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(10_000, clock);
  await clock.advance(60_000);
  const state = taker(limit);
  await clock.advance(1_000);
  expect(state.pieces).toBeLessThanOrEqual(12);
});

test("0 is no limit, also for who waits already", async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(1, clock);
  let done = false;
  void limit.take(1_000_000, NEVER).then(() => done = true);
  await clock.advance(100);
  expect(done).toBe(false);
  limit.setRate(0);
  await clock.advance(250);
  expect(done).toBe(true);
  await limit.take(1e12, NEVER);
});

test("waiting ends with the reason of the signal", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const state = taker(new RateLimit(1, clock), controller.signal);
  await clock.advance(100);
  controller.abort("enough");
  await clock.advance(0);
  expect(state.ended).toBe("enough");
  expect(clock.sleeping).toBe(0);
});
