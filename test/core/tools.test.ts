import { expect, test } from "bun:test";
import {
  backoffMs,
  CHUNK_BYTES,
  chunkCount,
  chunkRange,
  diskError,
  isLarderError,
  KeyedQueue,
  LarderError,
  LocalEvents,
  packDigests,
  parseAddress,
  redactAddress,
  retryAfterMs,
  Semaphore,
  sha256,
  SingleFlight,
  systemClock,
  unpackDigests,
} from "../../src/core/index.ts";

test("chunks cover a blob without gap, the last one shorter", () => {
  expect(CHUNK_BYTES).toBe(5_242_880);
  expect([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1].map(chunkCount)).toEqual([0, 1, 1, 2]);
  expect(chunkRange(1, CHUNK_BYTES + 7)).toEqual({ start: CHUNK_BYTES, end: CHUNK_BYTES + 7 });
});

test("packed chunk digests are 32 bytes each, in order", () => {
  const digests = [sha256("a"), sha256("b")];
  expect(packDigests(digests)).toHaveLength(64);
  expect(unpackDigests(packDigests(digests))).toEqual(digests);
});

test("SingleFlight runs the work of a key once and forgets it afterwards, also when it fails", async () => {
  const flight = new SingleFlight<string, number>();
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const work = async () => {
    runs++;
    await gate.promise;
    if (runs === 1) throw new Error("first");
    return runs;
  };
  const both = Promise.allSettled([flight.run("k", work), flight.run("k", work)]);
  expect(flight.has("k")).toBe(true);
  gate.resolve();
  expect((await both).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await flight.run("k", work)).toBe(2);
});

test("Semaphore admits in order, up to a limit that may change, and lets a waiter leave", async () => {
  const semaphore = new Semaphore(1);
  const first = await semaphore.acquire();
  const entered: string[] = [];
  const leaving = new AbortController();
  const left = semaphore.acquire(leaving.signal).catch((reason: unknown) => reason);
  const second = semaphore.acquire().then((release) => (entered.push("second"), release));
  const third = semaphore.acquire().then((release) => (entered.push("third"), release));
  leaving.abort("gone");
  expect(await left).toBe("gone");
  first();
  first();
  const releaseSecond = await second;
  expect(entered).toEqual(["second"]);
  semaphore.setLimit(2);
  await third;
  expect(entered).toEqual(["second", "third"]);
  releaseSecond();
});

test("KeyedQueue runs the work of one key in order, and goes on after a failure", async () => {
  const queue = new KeyedQueue();
  const order: number[] = [];
  const failing = queue.run("k", async () => {
    await Promise.resolve();
    order.push(1);
    throw new Error("first");
  }).catch(() => {});
  await Promise.all([failing, queue.run("k", async () => void order.push(2))]);
  expect(order).toEqual([1, 2]);
});

test("backoff grows with full jitter up to its limit", () => {
  const backoff = { baseMs: 100, maxMs: 1000 };
  expect([0, 1, 2, 10].map((attempt) => backoffMs(attempt, backoff, () => 1))).toEqual([100, 200, 400, 1000]);
  expect(backoffMs(5, backoff, () => 0)).toBe(0);
});

test("N15: Retry-After is read in both forms, cut to 60 s and never below 0", () => {
  const nowS = Date.parse("2026-01-01T00:00:00Z") / 1000;
  expect(retryAfterMs("5", nowS)).toBe(5000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", nowS)).toBe(30_000);
  expect(retryAfterMs("99999999999", nowS)).toBe(60_000);
  expect(retryAfterMs("-5", nowS)).toBe(0);
  expect(retryAfterMs("Thu, 01 Jan 1970 00:00:00 GMT", nowS)).toBe(0);
  expect(retryAfterMs("soon", nowS)).toBeUndefined();
  expect(retryAfterMs(null, nowS)).toBeUndefined();
});

test("sleep() ends early with the signal's reason", async () => {
  const controller = new AbortController();
  const sleeping = systemClock.sleep(60_000, controller.signal).catch((reason: unknown) => reason);
  controller.abort("enough");
  expect(await sleeping).toBe("enough");
  expect(await systemClock.sleep(1, controller.signal).catch((reason: unknown) => reason)).toBe("enough");
});

test("S07: only absolute http(s) addresses without credentials are sources", () => {
  expect(parseAddress("https://models.example/a#part").href).toBe("https://models.example/a");
  for (
    const text of [
      "file:///etc/passwd",
      "data:,x",
      "s3://b/k",
      "ftp://h/x",
      "//h/x",
      "/x",
      "x",
      "",
      "https://u:p@h/x",
      "unix:/x",
    ]
  ) {
    let code = "";
    try {
      parseAddress(text);
    } catch (error) {
      if (isLarderError(error)) code = error.code;
    }
    expect([text, code]).toEqual([text, "BAD_SOURCE"]);
  }
});

test("S17: a shown address keeps a harmless query and loses one that grants access", () => {
  expect(redactAddress("https://h/x?download=true")).toBe("https://h/x?download=true");
  for (
    const key of [
      "X-Amz-Signature",
      "Signature",
      "sig",
      "token",
      "X-Goog-Credential",
      "Key-Pair-Id",
      "api_key",
    ]
  ) {
    expect(redactAddress(`https://h/x?a=1&${key}=CANARY`)).toBe("https://h/x");
  }
  expect(redactAddress("https://user:CANARY@h/x#CANARY")).toBe("https://h/x");
  expect(redactAddress("CANARY not an address")).toBe("(unreadable address)");
});

test("an error keeps code, hint and field on the way through a record, and never its cause", () => {
  const error = new LarderError("NO_SPACE", "Cannot write", {
    hint: "Free space.",
    field: "size",
    retryAfterS: 3,
    cause: new Error("CANARY"),
  });
  const record = JSON.parse(JSON.stringify(error.toRecord()));
  expect(record).toEqual({
    code: "NO_SPACE",
    message: "Cannot write",
    retryable: false,
    hint: "Free space.",
    field: "size",
    retry_after_s: 3,
  });
  expect(LarderError.fromRecord(record)).toMatchObject({
    code: "NO_SPACE",
    hint: "Free space.",
    field: "size",
    retryAfterS: 3,
  });
});

test("answers of the system become errors to act on; everything else stays what it was", () => {
  const full = diskError(Object.assign(new Error("no space"), { code: "ENOSPC" }), "write x.part");
  expect(full).toMatchObject({ code: "NO_SPACE", retryable: false });
  const bug = new TypeError("bug");
  expect(diskError(bug, "write")).toBe(bug);
});

test("LocalEvents tells every listener until it leaves", () => {
  const events = new LocalEvents();
  const seen: string[] = [];
  const leave = events.subscribe((event) => seen.push(event.type));
  events.emit({ type: "pull", pullId: "p" });
  leave();
  events.emit({ type: "job", jobId: "j" });
  expect(seen).toEqual(["pull"]);
});
