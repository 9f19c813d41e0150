import { expect, test } from "bun:test";
import { openTestLibrary, pullAndWait, type TestLibrary, waitForPull } from "../helpers/library.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { blobCount, expectSound, incoming } from "../helpers/sound.ts";
import { waitUntil } from "../helpers/wait.ts";
import {
  askedBytes,
  CHUNK,
  exactly,
  expectContent,
  expectDone,
  expectFailed,
  expectNoModel,
  fileOf,
  MIB,
  sharedLibrary,
  starts,
  withOrigin,
} from "./pulling.ts";

const withShared = sharedLibrary();

const SMALL = pseudoRandomBytes(72, 1_000_000);
const LONG = pseudoRandomBytes(71, 12 * MIB + 99);
const TAG = { etag: '"v1"' };
/** Slow enough to be met half-way, though watchers look only five times a second. */
const SLOW = { bytesPerSecond: 12 * MIB };

/** Starts a pull and comes back when so many bytes are there. */
async function pullUntil(
  { library }: TestLibrary,
  request: Parameters<TestLibrary["library"]["pull"]>[0],
  bytes: number,
): Promise<string> {
  const { id } = await library.pull(request);
  for await (const view of library.watchPull(id)) if (view.bytes_done >= bytes) break;
  return id;
}

/** From here on the origin is fast and its requests are counted anew. */
function goOn(origin: Origin): void {
  origin.requests.length = 0;
  origin.bytesPerSecond = Infinity;
}

test("pause keeps what is there and resume goes on with it", () =>
  withShared(async (origin, larder) => {
    const id = await pullUntil(larder, fileOf(origin.file("/f", LONG, TAG)), 6 * MIB);
    const paused = await larder.library.pausePull(id);
    expect(paused.state).toBe("paused");
    expect(incoming(larder.home)).toHaveLength(2);
    expect((await larder.store.space()).reservedBytes).toBe(0);
    await waitUntil(() => origin.openConnections === 0);
    expect(await larder.library.pausePull(id)).toMatchObject({ state: "paused" });
    goOn(origin);
    expect((await larder.library.resumePull(id)).id).toBe(id);
    const view = await waitForPull(larder.library, id);
    expectDone(view);
    await expectContent(larder, LONG);
    expect(starts(origin.requests)[0]).toBeGreaterThanOrEqual(6 * MIB - CHUNK);
    expect(view.files[0]?.bytes_fetched).toBeLessThan(LONG.length - 4 * MIB);
  }, SLOW));

test("pause and resume at the same moment, again and again, end in one whole file", () =>
  withShared(async (origin, larder) => {
    const { library } = larder;
    const id = await pullUntil(larder, fileOf(origin.file("/f", LONG, TAG)), 1);
    for (let round = 0; round < 10; round++) {
      await Promise.allSettled([library.pausePull(id), library.resumePull(id), library.pausePull(id)]);
      await library.resumePull(id);
    }
    goOn(origin);
    expectDone(await waitForPull(library, id));
    await expectContent(larder, LONG);
    expect(await library.listPulls({ active: true })).toEqual([]);
  }, SLOW));

test("cancel deletes what was fetched, and nothing of it is seen", () =>
  withShared(async (origin, larder) => {
    const id = await pullUntil(larder, fileOf(origin.file("/f", LONG, TAG)), 6 * MIB);
    expect((await larder.library.cancelPull(id)).state).toBe("cancelled");
    expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
    await expectNoModel(larder);
    goOn(origin);
    expectDone(await pullAndWait(larder.library, fileOf(origin.url("/f"))));
    expect(starts(origin.requests)).toEqual([0]);
  }, SLOW));

test("cancel deletes what a paused, a failed and a waiting pull have left", () =>
  withShared(async (origin, larder) => {
    const { library } = larder;
    const paused = await pullUntil(larder, fileOf(origin.file("/paused", LONG, TAG), {}, "a"), 6 * MIB);
    await library.pausePull(paused);
    origin.fault("/failed", [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "status", status: 404 }]);
    const failed = await library.pull(fileOf(origin.file("/failed", LONG, TAG), {}, "b"));
    expectFailed(await waitForPull(library, failed.id), "UPSTREAM_NOT_FOUND");
    expect(incoming(larder.home)).toHaveLength(4);
    await library.setLimits({ pulls_at_once: 1 });
    const running = await pullUntil(larder, fileOf(origin.file("/running", LONG, TAG), {}, "c"), 1);
    const waiting = await library.pull(fileOf(origin.file("/waiting", LONG, TAG), {}, "d"));
    for (const id of [paused, failed.id, waiting.id, running]) {
      expect(await library.cancelPull(id)).toMatchObject({ state: "cancelled" });
    }
    expect(incoming(larder.home)).toEqual([]);
    expect(origin.requestsFor("/waiting")).toEqual([]);
    await expect(Promise.resolve(library.resumePull(paused))).rejects.toMatchObject({ code: "BAD_STATE" });
  }, SLOW));

test("C: one file that two pulls want goes on when one of them is cancelled, and ends with the last", () =>
  withShared(async (origin, larder) => {
    const { library } = larder;
    const url = origin.file("/f", LONG, TAG);
    const first = await pullUntil(larder, fileOf(url, exactly(LONG), "a"), 4 * MIB);
    const second = await library.pull(fileOf(url, exactly(LONG), "b"));
    await library.cancelPull(first);
    expect(incoming(larder.home)).toHaveLength(2);
    origin.bytesPerSecond = Infinity;
    expectDone(await waitForPull(library, second.id));
    await expectContent(larder, LONG, { model: "b" });
    await expectNoModel(larder, "a");
    expect(askedBytes(origin.requests, LONG.length)).toBe(LONG.length);
  }, SLOW));

test("a cancelled pull leaves the part that a paused one wants", () =>
  withShared(async (origin, larder) => {
    const { library } = larder;
    const url = origin.file("/f", LONG, TAG);
    const paused = await pullUntil(larder, fileOf(url, exactly(LONG), "a"), 6 * MIB);
    await library.pausePull(paused);
    origin.bytesPerSecond = 4 * MIB;
    const other = await pullUntil(larder, fileOf(url, exactly(LONG), "b"), 1);
    await library.cancelPull(other);
    expect(incoming(larder.home)).toHaveLength(2);
    goOn(origin);
    await library.resumePull(paused);
    expectDone(await waitForPull(library, paused));
    expect(starts(origin.requests)[0]).toBeGreaterThanOrEqual(6 * MIB - CHUNK);
  }, SLOW));

test("a pull that is asked for while the same one is being cancelled starts over", () =>
  withShared(async (origin, larder) => {
    const { library } = larder;
    const url = origin.file("/f", LONG, TAG);
    const first = await pullUntil(larder, fileOf(url, exactly(LONG)), 4 * MIB);
    const cancelling = library.cancelPull(first);
    const again = await library.pull(fileOf(url, exactly(LONG)));
    expect(again.id).not.toBe(first);
    expect((await cancelling).state).toBe("cancelled");
    goOn(origin);
    expectDone(await waitForPull(library, again.id));
    await expectContent(larder, LONG);
  }, SLOW));

test("C: a thousand pulls of one digest under three names ask for each range once", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    const known = exactly(LONG);
    const pulls = await Promise.all(
      Array.from(
        { length: 1000 },
        (_, index) => larder.library.pull(fileOf(url, known, `m${index % 3}`)),
      ),
    );
    const ids = [...new Set(pulls.map(({ id }) => id))];
    expect(ids).toHaveLength(3);
    for (const id of ids) expectDone(await waitForPull(larder.library, id));
    expect(askedBytes(origin.requests, LONG.length)).toBe(LONG.length);
    expect(blobCount(larder.home)).toBe(1);
  }));

test("when one file of a pull fails the others stop, keeping what they have", () =>
  withOrigin(async (origin, larder) => {
    const urls = {
      big: origin.file("/big", LONG, TAG),
      small: origin.file("/small", LONG.subarray(0, 1000)),
    };
    origin.on("/gone", async (exchange) => {
      await waitUntil(() => origin.bytesSent("/big") > 7 * MIB);
      await exchange.answer(404);
    });
    const files = [
      { path: "big", urls: [urls.big] },
      { path: "small", urls: [urls.small] },
      { path: "gone", urls: [origin.url("/gone")] },
    ];
    const view = await pullAndWait(larder.library, { model: "m", files });
    expectFailed(view, "UPSTREAM_NOT_FOUND");
    expect(view.files.map(({ state }) => state)).toEqual(["cancelled", "done", "failed"]);
    await expectNoModel(larder);
    goOn(origin);
    origin.on("/gone", (exchange) => exchange.answer(200, {}, "here again"));
    await larder.library.resumePull(view.id);
    expectDone(await waitForPull(larder.library, view.id));
    expect(starts(origin.requestsFor("/big"))[0]).toBeGreaterThan(0);
  }, { origin: SLOW, headersMs: 5000 }));

test("the rate limit holds back what runs, and lifting it lets it go", () =>
  withShared(async (origin, larder) => {
    const { library } = larder;
    await library.setLimits({ rate_bytes_per_s: MIB });
    const url = origin.file("/f", LONG, TAG);
    const startMs = performance.now();
    const id = await pullUntil(larder, fileOf(url), MIB);
    await Bun.sleep(300);
    const { bytes_done } = await library.getPull(id);
    // A piece is taken before it is paid for.
    expect(bytes_done).toBeLessThanOrEqual(MIB * (performance.now() - startMs) / 1000 + MIB);
    await library.setLimits({ rate_bytes_per_s: 0 });
    expectDone(await waitForPull(library, id));
    expect(performance.now() - startMs).toBeLessThan(9_000); // at the old rate it would take 12 s
    await expectContent(larder, LONG);
  }));

test("gc() takes what was left of a file that came whole in another way", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", SMALL, TAG);
    origin.fault("/f", [{ kind: "cut", afterBytes: 900_000 }, { kind: "status", status: 404 }]);
    const { sha256, size } = exactly(SMALL);
    expectFailed(await pullAndWait(larder.library, fileOf(url, { sha256 })), "UPSTREAM_NOT_FOUND");
    expect(incoming(larder.home)).toHaveLength(2);
    expectDone(await pullAndWait(larder.library, fileOf(url, { sha256, size })));
    const { id } = await larder.library.gc({ grace_s: 0 });
    for await (const _view of larder.library.watchJob(id));
    expect(incoming(larder.home)).toEqual([]);
    await expectContent(larder, SMALL);
  }));

test("closing at any moment of a pull leaves what the next process can use", async () => {
  await using origin = await startOrigin({ bytesPerSecond: 100 * MIB });
  const url = origin.file("/f", LONG, TAG);
  const first = await openTestLibrary();
  await first.library.pull(fileOf(url, exactly(LONG)));
  await first.close();
  for (const waitMs of [1, 5, 10, 20, 40, 80]) {
    await using larder = await openTestLibrary({ home: first.home });
    await larder.library.resumeInterrupted();
    await Bun.sleep(waitMs);
  }
  origin.bytesPerSecond = Infinity;
  await using last = await openTestLibrary({ home: first.home });
  await last.library.resumeInterrupted();
  const [pull] = await last.library.listPulls();
  expectDone(await waitForPull(last.library, pull?.id ?? ""));
  await expectContent(last, LONG);
  await expectSound(last);
  await first[Symbol.asyncDispose]();
});
