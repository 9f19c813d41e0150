import { expect, test } from "bun:test";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { blobRow, CHUNK, digestNamed, startPass } from "./paced-pass.ts";

const DAY_MS = 86_400_000;
/** A time of the fake clock at which it is so many hours local time. */
const atHour = (hour: number) => new Date(2026, 2, 4, hour).getTime();

/** In many steps: reading without a pause takes more turns than one step of this clock waits for. */
async function letPass(clock: FakeClock, ms: number): Promise<void> {
  for (let step = 0; step < 50; step++) await clock.advance(ms / 50);
}

test("C15: a large blob is read chunk by chunk, never faster than the rate", async () => {
  const clock = new FakeClock(1e12);
  const scrub = startPass(clock, [blobRow("a", 40)], { bytesPerS: CHUNK / 2 });
  for (let second = 1; second <= 60; second++) {
    await clock.advance(1000);
    const bytes = scrub.reads.length * CHUNK;
    // What a pause may have saved is a tenth of a second's worth, and a chunk is read as a whole.
    expect(bytes).toBeLessThanOrEqual((second + 0.1) * CHUNK / 2 + CHUNK);
    expect(bytes).toBeGreaterThanOrEqual((second - 2) * CHUNK / 2);
  }
  const gaps = scrub.reads.slice(1).map(({ atMs }, index) => atMs - (scrub.reads[index]?.atMs ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1900);
  await scrub.stop();
});

test("another rate counts from the next chunk on, and 0 switches it off in the middle of a blob", async () => {
  const clock = new FakeClock(1e12);
  const scrub = startPass(clock, [blobRow("a", 1000)]);
  await clock.advance(10_000);
  expect(scrub.reads.length).toBeWithin(9, 12);
  scrub.gate.change({ rate_bytes_per_s: 10 * CHUNK });
  await clock.advance(10_000);
  expect(scrub.reads.length).toBeWithin(105, 115);
  scrub.gate.change({ rate_bytes_per_s: 0 });
  await clock.advance(1000);
  const before = scrub.reads.length;
  await clock.advance(60_000);
  expect([scrub.reads.length, scrub.gate.state]).toEqual([before, "off"]);
  await scrub.stop();
});

test("thousands of small blobs cost more than their bytes", async () => {
  const clock = new FakeClock(1e12);
  const blobs = Array.from({ length: 16 }, (_, index) => ({
    ...blobRow(index.toString(16), 1),
    sizeBytes: 1,
  }));
  const scrub = startPass(clock, blobs, { bytesPerS: 64 * 1024 });
  await clock.advance(8000);
  expect(scrub.reads.length).toBeWithin(7, 10);
  await scrub.stop();
});

test("nothing is read outside of its hours, and it goes on inside the blob when they come again", async () => {
  const clock = new FakeClock(atHour(21));
  const scrub = startPass(clock, [blobRow("a", 10_000)], { hours: "22-6", bytesPerS: CHUNK / 100 });
  await clock.advance(3600_000 - 1);
  expect([scrub.reads.length, scrub.gate.state]).toEqual([0, "waiting"]);
  await clock.advance(8 * 3600_000);
  const inTheNight = scrub.reads.length;
  expect(inTheNight).toBeWithin(280, 290);
  await clock.advance(15 * 3600_000);
  expect([scrub.reads.length <= inTheNight + 1, scrub.gate.state]).toEqual([true, "waiting"]);
  await clock.advance(3 * 3600_000);
  expect(scrub.reads.length).toBeGreaterThan(inTheNight + 50);
  expect(scrub.reads.map(({ what }) => what)).toEqual(scrub.reads.map((_, index) => `a${index}`));
  await scrub.stop();
});

test("a pause holds until it is ended", async () => {
  const clock = new FakeClock(1e12);
  const scrub = startPass(clock, [blobRow("a", 1000)]);
  await clock.advance(5000);
  scrub.place.paused = true;
  scrub.gate.wake();
  await clock.advance(2000);
  const before = scrub.reads.length;
  await clock.advance(DAY_MS);
  expect([scrub.reads.length, scrub.gate.state]).toEqual([before, "paused"]);
  scrub.place.paused = false;
  scrub.gate.wake();
  await clock.advance(5000);
  expect(scrub.reads.length).toBeGreaterThan(before + 3);
  await scrub.stop();
});

test("blobs are read in order of digest; what was verified lately is passed over", async () => {
  const clock = new FakeClock(1e12);
  const nowS = 1e9;
  const blobs = [blobRow("c", 1), blobRow("a", 2), blobRow("b", 1, nowS - 10), blobRow("d", 1, nowS - 2000)];
  const scrub = startPass(clock, blobs, { bytesPerS: 100 * CHUNK });
  await letPass(clock, 5000);
  expect(scrub.reads.map(({ what }) => what)).toEqual(["a0", "a1", "c0", "d0"]);
  await scrub.stop();
});

test("the next pass begins when the first blob is due, and reads only what is", async () => {
  const clock = new FakeClock(1e12);
  const blobs = [blobRow("a", 1, 1e9 - 600), blobRow("b", 1)];
  const scrub = startPass(clock, blobs, { bytesPerS: 100 * CHUNK });
  await letPass(clock, 5000);
  expect(scrub.reads.map(({ what }) => what)).toEqual(["b0"]);
  expect(scrub.place.nextPassAtS).toBe(1e9 + 400);
  await letPass(clock, 394_000);
  expect(scrub.reads).toHaveLength(1);
  await letPass(clock, 10_000);
  expect(scrub.reads.map(({ what }) => what)).toEqual(["b0", "a0"]);
  await letPass(clock, 600_000);
  expect(scrub.reads.map(({ what }) => what)).toEqual(["b0", "a0", "b0"]);
  await scrub.stop();
});

test("an empty library is looked at now and then, not all the time", async () => {
  const clock = new FakeClock(1e12);
  const scrub = startPass(clock, [], { everyS: 0 });
  await clock.advance(10_000);
  expect(scrub.gate.state).toBe("waiting");
  expect(scrub.place.lastPassAtS).toBeGreaterThan(1e9);
  expect(clock.sleeping).toBeLessThanOrEqual(1);
  await scrub.stop();
});

test("after a restart it goes on inside the blob where it was", async () => {
  const clock = new FakeClock(1e12);
  const blobs = [blobRow("a", 2), blobRow("b", 20)];
  const first = startPass(clock, blobs);
  await clock.advance(10_000);
  await first.stop();
  const read = first.reads.length;
  const second = startPass(clock, [...first.rows.values()], { kept: first.settings });
  await clock.advance(5000);
  expect(second.reads[0]?.what).toBe(`b${read - 2}`);
  expect(second.place.bytesDone).toBe(2 * CHUNK);
  await second.stop();
});

test("a killed process goes back a few seconds at most", async () => {
  const clock = new FakeClock(1e12);
  const killed = startPass(clock, [blobRow("a", 2), blobRow("b", 200)]);
  await clock.advance(60_000);
  const kept = new Map(killed.settings);
  const next = startPass(clock, [...killed.rows.values()], { kept });
  await clock.advance(2000);
  const first = Number(next.reads[0]?.what.slice(1));
  expect(first).toBeWithin(killed.reads.length - 2 - 8, killed.reads.length);
  await Promise.all([killed.stop(), next.stop()]);
});

test("a blob that changed while it was read is read from its first chunk again", async () => {
  const clock = new FakeClock(1e12);
  const scrub = startPass(clock, [blobRow("a", 5)]);
  await clock.advance(3000);
  scrub.modifiedMs.set(digestNamed("a"), 2);
  await clock.advance(20_000);
  const chunks = scrub.reads.map(({ what }) => Number(what.slice(1)));
  expect(chunks.slice(-5)).toEqual([0, 1, 2, 3, 4]);
  expect(chunks.length).toBeGreaterThan(6);
  await scrub.stop();
});

test("a place that cannot be read is as good as none", async () => {
  const clock = new FakeClock(1e12);
  for (const text of ["{", "[]", '"x"', '{"after":7}', '{"within":1}', '{"paused":"yes"}', "null"]) {
    const scrub = startPass(clock, [blobRow("a", 1)], { kept: new Map([["scrub", text]]) });
    await clock.advance(2000);
    expect([text, scrub.reads.map(({ what }) => what)]).toEqual([text, ["a0"]]);
    await scrub.stop();
  }
});

test("a pass that was asked for reads everything again from the first blob on, at any hour", async () => {
  const clock = new FakeClock(atHour(12));
  const nowS = clock.nowS();
  const blobs = [blobRow("a", 30, nowS), blobRow("b", 2, nowS)];
  const scrub = startPass(clock, blobs, { hours: "1-2" });
  await clock.advance(5000);
  expect(scrub.reads).toEqual([]);
  scrub.pass.restart();
  scrub.gate.wake();
  await clock.advance(10_000);
  const half = scrub.reads.length;
  expect(half).toBeWithin(8, 12);
  scrub.pass.restart();
  await clock.advance(60_000);
  expect(scrub.reads.slice(half).map(({ what }) => what)).toEqual([
    ...Array.from({ length: 30 }, (_, index) => `a${index}`),
    ...["b0", "b1"],
  ]);
  expect(scrub.gate.state).toBe("waiting");
  await scrub.stop();
});

test("a pass that is asked for while a blob is just done with begins before that blob", async () => {
  const clock = new FakeClock(1e12);
  let times = 0;
  const scrub = startPass(clock, [blobRow("a", 1), blobRow("b", 2), blobRow("c", 1)], {
    onRead: (what) => {
      if (what === "b1" && times++ === 0) scrub.pass.restart();
    },
  });
  await clock.advance(60_000);
  expect(scrub.reads.map(({ what }) => what)).toEqual(["a0", "b0", "b1", "a0", "b0", "b1", "c0"]);
  await scrub.stop();
});
