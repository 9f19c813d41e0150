import { expect, test } from "bun:test";
import { openTestLibrary, pullAndWait, waitForPull } from "../helpers/library.ts";
import { closedPort, type Fault, openedPort, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
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
  expectStarts,
  fileOf,
  MIB,
  sharedLibrary,
  starts,
  withOrigin,
} from "./pulling.ts";

const withShared = sharedLibrary();

const SMALL = pseudoRandomBytes(11, 300_000);
const LONG = pseudoRandomBytes(12, 12 * MIB + 345);
const TAG = { etag: '"v1"' };

test("N01: when no mirror can be reached all are named, and what is there is still served", async () => {
  await using larder = await openTestLibrary();
  await using origin = await startOrigin();
  expectDone(await pullAndWait(larder.library, fileOf(origin.file("/kept", SMALL), {}, "kept")));
  await origin.close();
  const urls = [`http://127.0.0.1:${await closedPort()}/a`, `http://127.0.0.1:${await closedPort()}/b`];
  const view = await pullAndWait(larder.library, fileOf(urls));
  expectFailed(view, "UPSTREAM_UNREACHABLE");
  expect(view.error?.retryable).toBe(true);
  expect(view.error?.details?.["mirrors"]).toEqual(
    urls.map((url) => ({ origin: new URL(url).origin, code: "UPSTREAM_UNREACHABLE" })),
  );
  await expectContent(larder, SMALL, { model: "kept" });
  expect(incoming(larder.home)).toEqual([]);
  await expectSound(larder);
});

test("N04: a server that accepts and never answers is left for the next mirror after one deadline", () =>
  withOrigin(async (origin, larder) => {
    await using silent = await openedPort();
    const startMs = performance.now();
    const urls = [`http://127.0.0.1:${silent.port}/f`, origin.file("/f", SMALL)];
    expectDone(await pullAndWait(larder.library, fileOf(urls)));
    expect(performance.now() - startMs).toBeLessThan(5_000);
    await expectContent(larder, SMALL);
  }, { headersMs: 400 }));

test("N05: a body that stalls is ended by our own watchdog and goes on where it was", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "stall", afterBytes: 7 * MIB }]);
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    expectStarts(origin.requestsFor("/f"), [0, 7 * MIB]);
  }));

test("N06: a body that drips is a crawl: the next mirror goes on where it was", () =>
  withShared(async (origin, larder) => {
    const slow = origin.file("/slow", LONG, TAG);
    const good = origin.file("/good", LONG, TAG);
    origin.fault("/slow", [{ kind: "drip", bytesPerSecond: 100, afterBytes: 6 * MIB }], { forever: true });
    expectDone(await pullAndWait(larder.library, fileOf([slow, good], exactly(LONG))));
    await expectContent(larder, LONG);
    expect(origin.requestsFor("/slow")).toHaveLength(1);
    const [start = 0] = starts(origin.requestsFor("/good"));
    expect(start).toBeGreaterThanOrEqual(6 * MIB);
  }));

test("N07: a body that ends early goes on where it was cut", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "cut", afterBytes: 0 }]);
    const view = await pullAndWait(larder.library, fileOf(url));
    expectDone(view);
    expect(view.files[0]?.resumable).toBe(true);
    await expectContent(larder, LONG);
    expectStarts(origin.requestsFor("/f"), [0, 7 * MIB, 7 * MIB]);
    expect(view.files[0]?.bytes_fetched).toBe(LONG.length);
  }));

test("N07: so does one of known size that was asked for as a whole", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "cut", afterBytes: 11 * MIB }]);
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
    expectStarts(origin.requestsFor("/f"), [0, 11 * MIB]);
  }));

test("N07: a first answer that fails is no empty file", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", SMALL, TAG);
    origin.fault("/f", [{ kind: "close" }, { kind: "status", status: 503 }, { kind: "cut", afterBytes: 0 }]);
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, SMALL);
  }));

test("N08: a reset body goes on without starting over", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.bytesPerSecond = 40 * MIB;
    origin.fault("/f", [{ kind: "reset", afterBytes: 11 * MIB }]);
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    const [first, second = 0] = starts(origin.requestsFor("/f"));
    expect(first).toBe(0);
    expect(second).toBeGreaterThanOrEqual(CHUNK);
  }));

test("N09: chunks without the last one are a cut, not the end", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "chunked", last: false, afterBytes: 6 * MIB }, { kind: "chunked" }]);
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    expect(origin.requestsFor("/f").length).toBeGreaterThanOrEqual(2);
  }));

test("N10: a body that ends by closing counts only when size and digest are known and right", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, { ranges: false });
    origin.fault("/f", [{ kind: "close-delimited" }], { forever: true });
    for (const known of [{}, { sha256: exactly(LONG).sha256 }, { size: LONG.length }]) {
      expectFailed(await pullAndWait(larder.library, fileOf(url, known)), "LENGTH_UNKNOWN");
    }
    await expectNoModel(larder);
    expect(incoming(larder.home)).toEqual([]);
    origin.fault("/f", [{ kind: "close-delimited", afterBytes: 9 * MIB }, { kind: "close-delimited" }]);
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
    await expectContent(larder, LONG);
  }));

test("N11: surplus bytes are ignored and do not reach the next answer", () =>
  withShared(async (origin, larder) => {
    const first = origin.file("/a", SMALL, TAG);
    const second = origin.file("/b", LONG, TAG);
    origin.fault("/a", [{ kind: "surplus", bytes: 100_000 }]);
    origin.fault("/b", [{ kind: "surplus", bytes: 100_000 }]);
    for (const known of [{}, exactly(SMALL)]) {
      expectDone(await pullAndWait(larder.library, fileOf(first, known, "a")));
      await expectContent(larder, SMALL, { model: "a" });
    }
    expectDone(await pullAndWait(larder.library, fileOf(second, {}, "b")));
    await expectContent(larder, LONG, { model: "b" });
  }));

test("N12/R26: a file longer or shorter than its known size is refused before a byte of it is written", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    for (const size of [LONG.length - 1, LONG.length + 1, 1, 100 * MIB]) {
      const view = await pullAndWait(larder.library, fileOf(url, { size }));
      expectFailed(view, "SIZE_MISMATCH");
      expect(view.files[0]?.bytes_fetched).toBe(0);
      expect(incoming(larder.home)).toEqual([]);
    }
    // Without a length said beforehand it is found out at the first byte too many, or at the end.
    for (const size of [LONG.length - 1, LONG.length + 1]) {
      origin.fault("/f", [{ kind: "chunked" }], { forever: true });
      expectFailed(await pullAndWait(larder.library, fileOf(url, { size })), "SIZE_MISMATCH");
      expect(incoming(larder.home)).toEqual([]);
    }
    await expectNoModel(larder);
  }));

test("N13: lengths that contradict themselves are UPSTREAM_PROTOCOL, asked for once", () =>
  withShared(async (origin, larder) => {
    const lengths: Array<string | string[]> = [
      ["300000", "300001"],
      ["300000", "300000"],
      "-5",
      "abc",
      "",
      "18446744073709551616",
    ];
    const faults: Fault[] = lengths.map((value) => ({
      kind: "headers",
      headers: { "Content-Length": value },
    }));
    faults.push({ kind: "headers", headers: { "Transfer-Encoding": "chunked" } });
    for (const [index, fault] of faults.entries()) {
      const url = origin.file(`/${index}`, SMALL);
      origin.fault(`/${index}`, [fault], { forever: true });
      expectFailed(await pullAndWait(larder.library, fileOf(url, exactly(SMALL))), "UPSTREAM_PROTOCOL");
      expect(origin.requestsFor(`/${index}`)).toHaveLength(1);
    }
    expect(incoming(larder.home)).toEqual([]);
    await expectNoModel(larder);
  }));

test("N14: a burst of server errors is waited out", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", SMALL);
    origin.fault(
      "/f",
      [500, 502, 503, 504, 408].map((status) => ({ kind: "status", status, body: "later" })),
    );
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, SMALL);
    expect(origin.requestsFor("/f")).toHaveLength(6);
  }));

test("N14: a mirror that goes on failing is asked six times, then the next", () =>
  withShared(async (origin, larder) => {
    const bad = origin.file("/bad", SMALL);
    const good = origin.file("/good", SMALL);
    origin.fault("/bad", [{ kind: "status", status: 503 }], { forever: true });
    expectDone(await pullAndWait(larder.library, fileOf([bad, good])));
    expect(origin.requestsFor("/bad")).toHaveLength(6);
    expect(origin.requestsFor("/good")).toHaveLength(1);
    expectFailed(await pullAndWait(larder.library, fileOf([bad], {}, "other")), "UPSTREAM_STATUS");
    expect(origin.requestsFor("/bad")).toHaveLength(12);
  }));

test("N15: 429 is obeyed for as long as it says, and reported with its time", async () => {
  await using origin = await startOrigin();
  const limited = (after: string): Fault => ({
    kind: "status",
    status: 429,
    headers: { "Retry-After": after },
  });
  await using larder = await openTestLibrary();
  origin.fault("/second", [limited("1")]);
  expectDone(await pullAndWait(larder.library, fileOf(origin.file("/second", SMALL), {}, "a")));
  const [first, second] = origin.requestsFor("/second").map(({ atMs }) => atMs);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(990);

  const past = ["-7", "0", "Tue, 14 Nov 2000 22:13:30 GMT"].map(limited);
  origin.fault("/past", past);
  expectDone(await pullAndWait(larder.library, fileOf(origin.file("/past", SMALL), {}, "b")));
  expect(origin.requestsFor("/past")).toHaveLength(4);

  origin.fault("/huge", [limited("99999999")], { forever: true });
  const { id } = await larder.library.pull(fileOf(origin.file("/huge", LONG), {}, "c"));
  await waitUntil(() => origin.requestsFor("/huge").length > 0);
  await Bun.sleep(400);
  expect(origin.requestsFor("/huge")).toHaveLength(1); // no spin
  await larder.library.cancelPull(id);
  await expectSound(larder);

  await using once = await openTestLibrary({ tuning: { tries: 1 } });
  const view = await pullAndWait(once.library, fileOf(origin.url("/huge")));
  expectFailed(view, "UPSTREAM_RATE_LIMITED");
  expect([view.error?.retryable, view.error?.retry_after_s]).toEqual([true, 60]);
});

test("N16: a refusal is not asked again, and earlier content stays as it was", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", SMALL);
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(SMALL))));
    const codes: Array<[number, string]> = [
      [401, "UPSTREAM_UNAUTHORIZED"],
      [403, "UPSTREAM_FORBIDDEN"],
      [404, "UPSTREAM_NOT_FOUND"],
      [410, "UPSTREAM_NOT_FOUND"],
      [451, "UPSTREAM_FORBIDDEN"],
    ];
    for (const [status, code] of codes) {
      origin.fault(`/${status}`, [{ kind: "status", status, body: "no" }], { forever: true });
      const view = await pullAndWait(larder.library, fileOf(origin.url(`/${status}`)));
      expectFailed(view, code);
      expect(view.error?.retryable).toBe(false);
      expect(origin.requestsFor(`/${status}`)).toHaveLength(1);
    }
    await expectContent(larder, SMALL);
    expect([blobCount(larder.home), incoming(larder.home)]).toEqual([1, []]);
  }));

test("N17: a login page instead of the file is not stored", () =>
  withShared(async (origin, larder) => {
    origin.on(
      "/f",
      (exchange) => exchange.answer(200, { "Content-Type": "text/html" }, "<html>Log in</html>"),
    );
    const { sha256, size } = exactly(SMALL);
    expectFailed(await pullAndWait(larder.library, fileOf(origin.url("/f"), { sha256 })), "DIGEST_MISMATCH");
    expectFailed(
      await pullAndWait(larder.library, fileOf(origin.url("/f"), { sha256, size })),
      "SIZE_MISMATCH",
    );
    expectFailed(await pullAndWait(larder.library, fileOf(origin.url("/f"), { size })), "SIZE_MISMATCH");
    await expectNoModel(larder);
    expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
  }));

for (const [name, bytes] of [["short", SMALL], ["long", LONG]] as const) {
  test(`N18: a flipped bit in a ${name} file is never stored: the next mirror is asked, and the first comes last from then on`, async () => {
    await using wrong = await startOrigin();
    await using right = await startOrigin();
    await using larder = await openTestLibrary();
    const urls = [wrong.file("/f", bytes, TAG), right.file("/f", bytes, TAG)];
    wrong.fault("/f", [{ kind: "flip", atByte: bytes.length - 5 }], { forever: true });
    expectDone(await pullAndWait(larder.library, fileOf(urls, exactly(bytes))));
    await expectContent(larder, bytes);
    expect(wrong.requests).toHaveLength(1);
    const other = [wrong.file("/g", SMALL.subarray(1)), right.file("/g", SMALL.subarray(1))];
    expectDone(await pullAndWait(larder.library, fileOf(other, exactly(SMALL.subarray(1)), "other")));
    expect(wrong.requests).toHaveLength(1);
    await expectSound(larder);
  });
}

test("N18: with nobody else to ask, nothing is stored and the file is asked for once", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "flip", atByte: 6_000_000 }], { forever: true });
    const view = await pullAndWait(larder.library, fileOf(url, exactly(LONG)));
    expectFailed(view, "DIGEST_MISMATCH");
    expect(askedBytes(origin.requestsFor("/f"), LONG.length)).toBe(LONG.length);
    await expectNoModel(larder);
    expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
  }));

test("N19: after wrong bytes from one of two mirrors, one of them gives the whole file and the other comes last", async () => {
  await using right = await startOrigin();
  await using wrong = await startOrigin();
  await using larder = await openTestLibrary();
  const urls = [right.file("/f", LONG, TAG), wrong.file("/f", LONG, TAG)];
  right.fault("/f", [{ kind: "cut", afterBytes: 6 * MIB }, { kind: "status", status: 404 }]);
  wrong.fault("/f", [{ kind: "flip", atByte: 8 * MIB }], { forever: true });
  expectDone(await pullAndWait(larder.library, fileOf(urls, exactly(LONG))));
  await expectContent(larder, LONG);
  expectStarts(wrong.requests, [6 * MIB]);
  expectStarts(right.requests, [0, 6 * MIB, 0]);
  const other = [wrong.file("/g", SMALL), right.file("/g", SMALL)];
  expectDone(await pullAndWait(larder.library, fileOf(other, {}, "other")));
  expect(wrong.requests).toHaveLength(1);
  await expectSound(larder);
});

test("N20: when every mirror is wrong at most twice the size is asked for, and nothing stays", async () => {
  await using larder = await openTestLibrary();
  const origins = await Promise.all([startOrigin(), startOrigin(), startOrigin()]);
  const urls = origins.map((origin) => origin.file("/f", LONG, TAG));
  for (const origin of origins) origin.fault("/f", [{ kind: "flip", atByte: 3 * MIB }], { forever: true });
  const view = await pullAndWait(larder.library, fileOf(urls, exactly(LONG)));
  expectFailed(view, "DIGEST_MISMATCH");
  const requests = origins.flatMap((origin) => origin.requests);
  expect(askedBytes(requests, LONG.length)).toBeLessThanOrEqual(2 * LONG.length);
  expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
  await expectSound(larder);
  for (const origin of origins) await origin.close();
});

test("R27: HEAD is never asked for, so a server without it does", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "status", status: 405 }], { method: "HEAD", forever: true });
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    expect(origin.requests.map(({ method }) => method)).toEqual(["GET"]);
  }));

test("a pull that failed goes on with what it has when it is asked for again", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "status", status: 404 }]);
    const { id } = await larder.library.pull(fileOf(url));
    expectFailed(await waitForPull(larder.library, id), "UPSTREAM_NOT_FOUND");
    await larder.library.resumePull(id);
    expectDone(await waitForPull(larder.library, id));
    await expectContent(larder, LONG);
    expectStarts(origin.requestsFor("/f"), [0, 7 * MIB, 7 * MIB]);
  }));
