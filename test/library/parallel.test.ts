import { expect, test } from "bun:test";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, pullAndWait, waitForPull } from "../helpers/library.ts";
import { type Origin, type OriginRequest, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { blobCount, expectSound } from "../helpers/sound.ts";
import {
  CHUNK,
  exactly,
  expectContent,
  expectDone,
  expectFailed,
  expectNoModel,
  fileOf,
  MIB,
  sharedLibrary,
} from "./pulling.ts";

const withShared = sharedLibrary();

const LONG = pseudoRandomBytes(51, 70 * MIB + 77);
const TAG = { etag: '"v1"' };

/** Every byte was asked for exactly once. */
function expectTiled(requests: readonly OriginRequest[], totalBytes: number): void {
  const ranges = requests.map((
    { range },
  ) => [range?.start ?? 0, Math.min(range?.end ?? totalBytes, totalBytes)])
    .sort(([a = 0], [b = 0]) => a - b);
  let position = 0;
  for (const [start, end = 0] of ranges) {
    expect(start).toBe(position);
    position = end;
  }
  expect(position).toBe(totalBytes);
}

/** The most connections that were open at once while the work ran. */
async function mostOpen(origin: Origin, work: Promise<unknown>): Promise<number> {
  let most = 0;
  const looking = setInterval(() => most = Math.max(most, origin.openConnections), 5);
  await work.finally(() => clearInterval(looking));
  return most;
}

test("a long file comes over as many connections as are allowed when each is slow, every byte once", () =>
  withShared(async (origin, larder) => {
    await larder.library.setLimits({ connections_per_pull: 3 });
    const url = origin.file("/f", LONG, TAG);
    const pull = pullAndWait(larder.library, fileOf(url, exactly(LONG)));
    const [most, view] = await Promise.all([mostOpen(origin, pull), pull]);
    expectDone(view);
    await expectContent(larder, LONG);
    expect(most).toBe(3);
    expectTiled(origin.requests, LONG.length);
    const [first, ...others] = origin.requests.map(({ headers }) => headers.get("if-range"));
    expect(first).toBeUndefined();
    expect(new Set(others)).toEqual(new Set(['"v1"']));
  }, { bytesPerSecond: 20 * MIB }));

test("so it is when neither size nor digest is known beforehand", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    const pull = pullAndWait(larder.library, fileOf(url));
    expect(await mostOpen(origin, pull)).toBe(4);
    expectDone(await pull);
    await expectContent(larder, LONG);
    expectTiled(origin.requests, LONG.length);
  }, { bytesPerSecond: 20 * MIB }));

test("several long files of one pull share the limit of connections", () =>
  withShared(async (origin, larder) => {
    await larder.library.setLimits({ connections_per_pull: 3 });
    const files = ["a", "b"].map((path) => ({ path, urls: [origin.file(`/${path}`, LONG, TAG)] }));
    const pull = pullAndWait(larder.library, { model: "m", files });
    const most = await mostOpen(origin, pull);
    expectDone(await pull);
    expect(most).toBeLessThanOrEqual(3);
    for (const { path } of files) {
      await expectContent(larder, LONG, { path });
      expectTiled(origin.requestsFor(`/${path}`), LONG.length);
    }
  }, { bytesPerSecond: 40 * MIB }));

test("the limit of connections can be raised and lowered while a pull runs", () =>
  withShared(async (origin, larder) => {
    await larder.library.setLimits({ connections_per_pull: 1 });
    const url = origin.file("/f", LONG, TAG);
    const { id } = await larder.library.pull(fileOf(url));
    const done = (bytes: number) => async () => {
      for await (const view of larder.library.watchPull(id)) if (view.bytes_done >= bytes) return;
    };
    await done(2 * MIB)();
    expect(origin.openConnections).toBe(1);
    await larder.library.setLimits({ connections_per_pull: 4 });
    await done(25 * MIB)();
    expect(origin.openConnections).toBe(4);
    await larder.library.setLimits({ connections_per_pull: 2 });
    origin.bytesPerSecond = 5 * MIB;
    const opened = origin.connections;
    origin.bytesPerSecond = 40 * MIB;
    expectDone(await waitForPull(larder.library, id));
    expect(origin.connections).toBe(opened);
    await expectContent(larder, LONG);
    expectTiled(origin.requests, LONG.length);
  }, { bytesPerSecond: 10 * MIB }));

test("a connection that breaks costs nobody else's bytes", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "none" }, { kind: "cut", afterBytes: 3 * MIB }, {
      kind: "status",
      status: 503,
    }]);
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    const asked = origin.requests.filter(({ status }) => status === 206)
      .reduce((sum, { range }) => sum + Math.min(range?.end ?? 0, LONG.length) - (range?.start ?? 0), 0);
    const lost = 10 * MIB; // what the broken request asked for beyond what it brought, at the most
    expect(asked).toBeLessThanOrEqual(LONG.length + lost);
  }, { bytesPerSecond: 20 * MIB }));

test("a server that sends shorter ranges than asked is asked for the rest", () =>
  withShared(async (origin, larder) => {
    const bytes = LONG.subarray(0, 11 * MIB);
    origin.on("/f", async (exchange) => {
      const { start = 0 } = exchange.request.range ?? {};
      const end = Math.min(start + 3 * MIB, bytes.length);
      await exchange.head(206, {
        ETag: '"v1"',
        "Content-Range": `bytes ${start}-${end - 1}/${bytes.length}`,
        "Content-Length": String(end - start),
      });
      await exchange.write(bytes.subarray(start, end));
    });
    expectDone(await pullAndWait(larder.library, fileOf(origin.url("/f"))));
    await expectContent(larder, bytes);
    expect(origin.requests.map(({ range }) => (range?.start ?? 0) / MIB)).toEqual([0, 3, 6, 9]);
    expect(origin.connections).toBe(1);
  }));

test("a chunk that a local blob has is copied and not downloaded", () =>
  withShared(async (origin, larder) => {
    const a = pseudoRandomBytes(52, 20 * CHUNK - 1000);
    const b = Uint8Array.from(a);
    b[3 * CHUNK + 5] = (b[3 * CHUNK + 5] ?? 0) ^ 1;
    b[11 * CHUNK] = (b[11 * CHUNK] ?? 0) ^ 1;
    expectDone(await pullAndWait(larder.library, fileOf(origin.file("/a", a, TAG), exactly(a), "a")));
    const request = { ...exactly(b), chunks: chunksOf(b) };
    const view = await pullAndWait(larder.library, fileOf(origin.file("/b", b, TAG), request, "b"));
    expectDone(view);
    await expectContent(larder, b, { model: "b" });
    expect(origin.requestsFor("/b").map(({ range }) => [range?.start, range?.end])).toEqual([
      [3 * CHUNK, 4 * CHUNK],
      [11 * CHUNK, 12 * CHUNK],
    ]);
    expect(view.files[0]?.bytes_fetched).toBe(2 * CHUNK);
    expect(blobCount(larder.home)).toBe(2);
  }));

test("a file whose chunks are all here is made without a request, and moved chunks are found too", () =>
  withShared(async (origin, larder) => {
    const a = pseudoRandomBytes(53, 4 * CHUNK);
    const b = Buffer.concat([3, 1, 1, 0].map((index) => a.subarray(index * CHUNK, (index + 1) * CHUNK)));
    expectDone(await pullAndWait(larder.library, fileOf(origin.file("/a", a, TAG), exactly(a), "a")));
    const request = { ...exactly(b), chunks: chunksOf(b) };
    expectDone(await pullAndWait(larder.library, fileOf(origin.url("/nothing"), request, "b")));
    await expectContent(larder, b, { model: "b" });
    expect(origin.requestsFor("/nothing")).toEqual([]);
  }));

test("a wrong chunk among known ones is fetched again by itself, from the next mirror", async () => {
  await using wrong = await startOrigin();
  await using right = await startOrigin();
  await using larder = await openTestLibrary();
  const bytes = pseudoRandomBytes(54, 6 * CHUNK);
  const urls = [wrong.file("/f", bytes, TAG), right.file("/f", bytes, TAG)];
  wrong.fault("/f", [{ kind: "flip", atByte: 2 * CHUNK + 9 }], { forever: true });
  const request = { ...exactly(bytes), chunks: chunksOf(bytes) };
  const view = await pullAndWait(larder.library, fileOf(urls, request));
  expectDone(view);
  await expectContent(larder, bytes);
  expect(right.requests.map(({ range }) => [range?.start, range?.end])).toEqual([[2 * CHUNK, 3 * CHUNK]]);
  expect(view.files[0]?.bytes_fetched).toBe(7 * CHUNK);
  await expectSound(larder);
});

test("a chunk that is wrong each time ends the pull", () =>
  withShared(async (origin, larder) => {
    const bytes = pseudoRandomBytes(55, 3 * CHUNK);
    const url = origin.file("/f", bytes, TAG);
    origin.fault("/f", [{ kind: "flip", atByte: CHUNK }], { forever: true });
    const { sha256, size } = exactly(bytes);
    for (const known of [{ sha256, size }, { size }]) {
      origin.requests.length = 0;
      const request = { ...known, chunks: chunksOf(bytes) };
      expectFailed(await pullAndWait(larder.library, fileOf(url, request)), "DIGEST_MISMATCH");
      expect(origin.requests.map(({ range }) => range?.start)).toEqual([0, CHUNK, CHUNK]);
    }
    await expectNoModel(larder);
  }));

test("a file of one chunk has to have that chunk's digest", () =>
  withShared(async (origin, larder) => {
    const bytes = pseudoRandomBytes(57, 1000);
    const url = origin.file("/f", bytes);
    const wrong = { size: 1000, chunks: [digestOf("x")] };
    expectFailed(await pullAndWait(larder.library, fileOf(url, wrong)), "DIGEST_MISMATCH");
    expectDone(await pullAndWait(larder.library, fileOf(url, { size: 1000, chunks: [digestOf(bytes)] })));
  }));

test("chunk digests that contradict the digest of the file end the pull", () =>
  withShared(async (origin, larder) => {
    const bytes = pseudoRandomBytes(56, 2 * CHUNK);
    const url = origin.file("/f", bytes, TAG);
    const request = { sha256: digestOf("other"), size: bytes.length, chunks: chunksOf(bytes) };
    expectFailed(await pullAndWait(larder.library, fileOf(url, request)), "DIGEST_MISMATCH");
  }));

function chunksOf(bytes: Uint8Array): string[] {
  return Array.from(
    { length: Math.ceil(bytes.length / CHUNK) },
    (_, index) => digestOf(bytes.subarray(index * CHUNK, (index + 1) * CHUNK)),
  );
}
