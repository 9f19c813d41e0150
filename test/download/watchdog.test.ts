import { expect, test } from "bun:test";
import { isLarderError } from "../../src/core/index.ts";
import { Watchdog } from "../../src/download/watchdog.ts";
import { FakeClock } from "../helpers/fake-clock.ts";

const TUNING = {
  stallMs: 30_000,
  crawlMs: 60_000,
  crawlBytesPerS: 1024,
  tries: 6,
  backoffBaseMs: 1,
  backoffMaxMs: 1,
};

function bitten(dog: Watchdog): unknown {
  const { reason } = dog.signal;
  return isLarderError(reason, "UPSTREAM_TIMEOUT") ? reason.details?.["reason"] : reason;
}

/** Feeds every second for so many seconds. */
async function feed(clock: FakeClock, dog: Watchdog, bytes: number, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await clock.advance(1000);
    dog.feed(bytes);
  }
}

test("nothing for 30 s is a stall, and is retryable", async () => {
  const clock = new FakeClock();
  const dog = new Watchdog(TUNING, clock);
  await clock.advance(29_000);
  expect(dog.signal.aborted).toBe(false);
  await clock.advance(2_000);
  expect(bitten(dog)).toBe("stall");
  expect(dog.signal.reason).toMatchObject({ retryable: true });
  expect(clock.sleeping).toBe(0);
});

test("a byte now and then is no stall but a crawl after 60 s", async () => {
  const clock = new FakeClock();
  const dog = new Watchdog(TUNING, clock);
  await feed(clock, dog, 1, 58);
  expect(dog.signal.aborted).toBe(false);
  await feed(clock, dog, 1, 4);
  expect(bitten(dog)).toBe("crawl");
});

test("1 KiB/s is enough, and a fast minute does not excuse a slow one", async () => {
  const clock = new FakeClock();
  const dog = new Watchdog(TUNING, clock);
  await feed(clock, dog, 1100, 300);
  expect(dog.signal.aborted).toBe(false);
  await feed(clock, dog, 10_000_000, 60);
  await feed(clock, dog, 100, 125);
  expect(bitten(dog)).toBe("crawl");
});

test("while we hold back ourselves nothing counts", async () => {
  const clock = new FakeClock();
  const dog = new Watchdog(TUNING, clock);
  const pause = Promise.withResolvers<void>();
  const paused = dog.whilePaused(pause.promise);
  await clock.advance(600_000);
  expect(dog.signal.aborted).toBe(false);
  pause.resolve();
  await paused;
  await feed(clock, dog, 2048, 50);
  expect(dog.signal.aborted).toBe(false);
  await clock.advance(31_000);
  expect(bitten(dog)).toBe("stall");
});

test("stop() leaves no timer behind", async () => {
  const clock = new FakeClock();
  const dog = new Watchdog(TUNING, clock);
  await clock.advance(5_000);
  dog.stop();
  await clock.advance(0);
  expect(clock.sleeping).toBe(0);
  await clock.advance(600_000);
  expect(dog.signal.aborted).toBe(false);
});
