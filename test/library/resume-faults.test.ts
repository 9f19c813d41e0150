import { expect, test } from "bun:test";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import type { Digest } from "../../src/core/index.ts";
import { encodeJournalHeader, encodeJournalRecord } from "../../src/download/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, pullAndWait, type TestLibrary } from "../helpers/library.ts";
import { type Fault, type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { expectSound, incoming, partOf } from "../helpers/sound.ts";
import {
  CHUNK,
  exactly,
  expectContent,
  expectDone,
  expectFailed,
  expectStarts,
  fileOf,
  MIB,
  sharedLibrary,
  starts,
} from "./pulling.ts";

const withShared = sharedLibrary();

const LONG = pseudoRandomBytes(21, 12 * MIB + 345);
const CHANGED = pseudoRandomBytes(22, 12 * MIB + 345);
const TAG = { etag: '"v1"' };
/** Brings 7 MiB, then nothing more: the pull fails and its part stays. */
const INTERRUPTED: readonly Fault[] = [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "status", status: 404 }];

/** The first try of a file, which ends after 7 MiB; `then` is how the first answer of the next try goes wrong. */
async function interrupt(
  origin: Origin,
  larder: TestLibrary,
  options: { file?: { etag?: string; ranges?: boolean }; known?: object; then?: readonly Fault[] } = {},
): Promise<string> {
  const url = origin.file("/f", LONG, options.file ?? TAG);
  origin.fault("/f", [...INTERRUPTED, ...options.then ?? []]);
  expectFailed(await pullAndWait(larder.library, fileOf(url, options.known)), "UPSTREAM_NOT_FOUND");
  origin.requests.length = 0;
  return url;
}

test("R01: a 200 instead of the rest begins from zero and nothing is appended", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder, { then: [{ kind: "ignore-range" }] });
    const view = await pullAndWait(larder.library, fileOf(url));
    expectDone(view);
    await expectContent(larder, LONG);
    expectStarts(origin.requests, [7 * MIB, 0]);
  }));

test("R02: a range from elsewhere is not taken: from zero, once", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder, { then: [{ kind: "shift-range", bytes: 1000 }] });
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    expectStarts(origin.requests, [7 * MIB, 0]);
    expect(origin.requests[1]?.range).toBeUndefined();
  }));

test("R02: a server that always sends other ranges is asked for the whole", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    origin.on("/f", async (exchange) => {
      const { range } = exchange.request;
      if (range === undefined) {
        await exchange.head(200, { "Content-Length": String(LONG.length) });
        return await exchange.write(LONG);
      }
      await exchange.head(206, { "Content-Range": `bytes 7-8/${LONG.length}`, "Content-Length": "2" });
      await exchange.write("xx");
    });
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    expect(origin.requests.map(({ range }) => range !== undefined)).toEqual([true, false]);
  }));

test("R03: a range that does not say which it is, is not taken", () =>
  withShared(async (origin, larder) => {
    const silent: Fault = { kind: "headers", headers: { "Content-Range": null } };
    const url = await interrupt(origin, larder, { then: [silent] });
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    expectStarts(origin.requests, [7 * MIB, 0]);
  }));

test("R04: a range of a file of another length means another file: from zero", () =>
  withShared(async (origin, larder) => {
    const longer = pseudoRandomBytes(23, 13 * MIB);
    const url = await interrupt(origin, larder);
    origin.file("/f", longer, TAG);
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, longer);
    expectStarts(origin.requests, [7 * MIB, 0]);
  }));

test("R05: a file that changed is never joined to the old one", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder);
    origin.file("/f", CHANGED, { etag: '"v2"' });
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, CHANGED);
    expect(origin.requests[0]?.headers.get("if-range")).toBe('"v1"');
    expectStarts(origin.requests, [7 * MIB, 0]);
  }));

test("R05: a range with another tag than the bytes that are there is thrown away", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder);
    // Ignores If-Range: sends the range of the new file.
    origin.file("/f", CHANGED, { etag: '"v2"' });
    origin.on("/f", async (exchange) => {
      const { start = 0, end = LONG.length } = exchange.request.range ?? {};
      const to = Math.min(end, LONG.length);
      await exchange.head(206, {
        ETag: '"v2"',
        "Content-Range": `bytes ${start}-${to - 1}/${LONG.length}`,
        "Content-Length": String(to - start),
      });
      await exchange.write(CHANGED.subarray(start, to));
    });
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, CHANGED);
    expectStarts(origin.requests, [7 * MIB, 0]);
  }));

test("R05: a file that changes all the time is given up", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG);
    let count = 0;
    origin.on("/f", async (exchange) => {
      await exchange.head(206, {
        ETag: `"v${count++}"`,
        "Content-Range": `bytes ${exchange.request.range?.start}-${LONG.length - 1}/${LONG.length}`,
        "Content-Length": String(LONG.length - (exchange.request.range?.start ?? 0)),
      });
      await exchange.write(LONG.subarray(0, 6 * MIB));
      await exchange.end();
    });
    const view = await pullAndWait(larder.library, fileOf(url));
    expectFailed(view, "UPSTREAM_CHANGED");
    expect(view.error?.retryable).toBe(true);
    expect(count).toBeLessThanOrEqual(4);
  }));

for (const [name, etag] of [["weak", 'W/"v1"'], ["no", undefined]] as const) {
  const file = etag === undefined ? {} : { etag };

  test(`R06: with a ${name} tag and no digest it begins from zero`, () =>
    withShared(async (origin, larder) => {
      const url = await interrupt(origin, larder, { file });
      expectDone(await pullAndWait(larder.library, fileOf(url)));
      await expectContent(larder, LONG);
      expect(starts(origin.requests)).toEqual([0]);
      expect(origin.requests[0]?.headers.has("if-range")).toBe(false);
    }));

  test(`R06: with a ${name} tag and no digest, also a cut within one pull begins from zero`, () =>
    withShared(async (origin, larder) => {
      const url = origin.file("/f", LONG, file);
      origin.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }]);
      const view = await pullAndWait(larder.library, fileOf(url));
      expectDone(view);
      expect(view.files[0]?.resumable).toBe(false);
      await expectContent(larder, LONG);
      expectStarts(origin.requests, [0, 7 * MIB, 0]);
    }));

  test(`R06: with a ${name} tag and a digest it goes on where it was`, () =>
    withShared(async (origin, larder) => {
      const url = await interrupt(origin, larder, { file, known: exactly(LONG) });
      expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
      await expectContent(larder, LONG);
      expectStarts(origin.requests, [7 * MIB]);
      expect(origin.requests[0]?.headers.has("if-range")).toBe(false);
    }));
}

test("R06: a digest finds out that two halves are of two files, and the whole is fetched once more", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder, { file: {}, known: { sha256: digestOf(CHANGED) } });
    origin.file("/f", CHANGED, {});
    expectDone(await pullAndWait(larder.library, fileOf(url, { sha256: digestOf(CHANGED) })));
    await expectContent(larder, CHANGED);
    expectStarts(origin.requests, [7 * MIB, 0]);
  }));

test("R07: a part that is complete is verified and finished without a request", () =>
  withShared(async (origin, larder) => {
    const { sha256 } = exactly(LONG);
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "status", status: 416 }], { forever: true });
    layPart(larder, sha256, LONG, chunksOf(LONG));
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
    await expectContent(larder, LONG);
    expect(origin.requests).toEqual([]);
  }));

for (
  const [name, known] of [["with", { sha256: digestOf(CHANGED.subarray(0, 6 * MIB)) }], [
    "without",
    {},
  ]] as const
) {
  test(`R07: a server whose file ends before what is there has another file (${name} a digest)`, () =>
    withShared(async (origin, larder) => {
      const shorter = CHANGED.subarray(0, 6 * MIB);
      const url = await interrupt(origin, larder, { known });
      origin.file("/f", shorter, TAG);
      expectDone(await pullAndWait(larder.library, fileOf(url, known)));
      await expectContent(larder, shorter);
      expectStarts(origin.requests, [7 * MIB, 0]);
    }));
}

test("R08: several ranges in one answer are not taken", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder, { then: [{ kind: "multipart" }] });
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    expectStarts(origin.requests, [7 * MIB, 0]);
  }));

test("R09: identity is asked for, and an encoded body refused", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder, { then: [{ kind: "gzip" }] });
    expectFailed(await pullAndWait(larder.library, fileOf(url)), "UPSTREAM_PROTOCOL");
    for (const request of origin.requests) expect(request.headers.get("accept-encoding")).toBe("identity");
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    expectStarts(origin.requests, [7 * MIB, 7 * MIB]);
  }));

test("R12: a journal that cannot be read is ignored: from zero, and it is no reason to fail", async () => {
  const spoil: Array<[string, (journal: Buffer) => Uint8Array]> = [
    ["empty", () => Buffer.alloc(0)],
    ["cut in its header", (journal) => journal.subarray(0, 20)],
    ["garbage", () => Buffer.from(pseudoRandomBytes(3, 5000))],
    [
      "of a newer version",
      (journal) => Buffer.from(journal.toString("latin1").replace('"version":1', '"version":2'), "latin1"),
    ],
  ];
  for (const [name, change] of spoil) {
    await withShared(async (origin, larder) => {
      const url = await interrupt(origin, larder, { known: exactly(LONG) });
      const { journal } = partOf(larder.home, digestOf(LONG));
      writeFileSync(journal, change(readFileSync(journal)));
      expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
      await expectContent(larder, LONG);
      expect([name, starts(origin.requests)]).toEqual([name, [0]]);
    });
  }
});

test("R12: of a journal whose end is torn the rest counts, and what comes after it is noted behind the rest", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder, { known: exactly(LONG) });
    const { journal } = partOf(larder.home, digestOf(LONG));
    const headerBytes = readFileSync(journal).indexOf(10) + 1;
    writeFileSync(
      journal,
      Buffer.concat([
        readFileSync(journal).subarray(0, headerBytes),
        encodeJournalRecord(0, chunksOf(LONG)[0]),
        Buffer.from("torn"),
      ]),
    );
    origin.fault("/f", [{ kind: "cut", afterBytes: 6 * MIB }, { kind: "status", status: 404 }]);
    expectFailed(await pullAndWait(larder.library, fileOf(url, exactly(LONG))), "UPSTREAM_NOT_FOUND");
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
    await expectContent(larder, LONG);
    expectStarts(origin.requests, [CHUNK, 11 * MIB, 11 * MIB]);
  }));

/** Puts a part into incoming/ as an earlier process may have left it, with a journal of these chunk digests. */
function layPart(
  { home }: TestLibrary,
  key: string,
  bytes: Uint8Array,
  digests: readonly Digest[],
  totalBytes = bytes.length,
): void {
  const { part, journal } = partOf(home, key);
  writeFileSync(part, bytes);
  const header = encodeJournalHeader({ version: 1, totalBytes, mirror: "http://elsewhere.test/f" });
  writeFileSync(
    journal,
    Buffer.concat([header, ...digests.map((digest, index) => encodeJournalRecord(index, digest))]),
  );
}

function chunksOf(bytes: Uint8Array): Digest[] {
  return Array.from(
    { length: Math.ceil(bytes.length / CHUNK) },
    (_, index) => digestOf(bytes.subarray(index * CHUNK, (index + 1) * CHUNK)) as Digest,
  );
}

test("R13: a hole in a chunk that was hashed is found on the way, and that chunk alone is fetched", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    const holed = Uint8Array.from(LONG);
    holed.fill(0, CHUNK + 100, CHUNK + 5000);
    layPart(larder, digestOf(LONG), holed, chunksOf(LONG));
    const view = await pullAndWait(larder.library, fileOf(url, exactly(LONG)));
    expectDone(view);
    await expectContent(larder, LONG);
    expect(origin.requests.map(({ range }) => range)).toEqual([{ start: CHUNK, end: 2 * CHUNK }]);
    expect(view.files[0]?.bytes_fetched).toBe(CHUNK);
  }));

test("R13: so it is with holes in all chunks, a missing end, and a tail that does not belong there", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    const holed = Uint8Array.from(LONG);
    for (const at of [0, CHUNK, 2 * CHUNK]) holed.fill(0, at, at + 4096);
    layPart(larder, digestOf(LONG), holed, chunksOf(LONG));
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG), "a")));
    await expectContent(larder, LONG, { model: "a" });
    expect(starts(origin.requests).sort((a, b) => a - b)).toEqual([0, CHUNK, 2 * CHUNK]);

    origin.requests.length = 0;
    const other = origin.file("/g", CHANGED, TAG);
    layPart(larder, digestOf(CHANGED), Buffer.concat([CHANGED, LONG]), chunksOf(CHANGED), CHANGED.length);
    expectDone(await pullAndWait(larder.library, fileOf(other, exactly(CHANGED), "b")));
    await expectContent(larder, CHANGED, { model: "b" });
    expect(origin.requests).toEqual([]);

    const third = origin.file("/h", LONG.subarray(1), TAG);
    layPart(larder, digestOf(LONG.subarray(1)), LONG.subarray(1), chunksOf(LONG.subarray(1)));
    truncateSync(partOf(larder.home, digestOf(LONG.subarray(1))).part, 2 * CHUNK - 1);
    expectDone(await pullAndWait(larder.library, fileOf(third, exactly(LONG.subarray(1)), "c")));
    await expectContent(larder, LONG.subarray(1), { model: "c" });
    expect(starts(origin.requests)).toEqual([CHUNK]);
  }));

test("R13: a hole that no chunk digest shows costs one full fetch", () =>
  withShared(async (origin, larder) => {
    const url = await interrupt(origin, larder, { known: exactly(LONG) });
    const { part, journal } = partOf(larder.home, digestOf(LONG));
    const bytes = readFileSync(part);
    bytes.fill(0, 1000, 9000);
    writeFileSync(part, bytes);
    // As it is when the process was killed before anything was hashed: only "written" is noted.
    const noted = readFileSync(journal);
    const header = noted.subarray(0, noted.indexOf(10) + 1);
    writeFileSync(journal, Buffer.concat([header, encodeJournalRecord(0)]));
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
    await expectContent(larder, LONG);
    expect(starts(origin.requests)).toEqual([CHUNK, 0]);
  }));

test("R14: a part of another file under this key is found out: its chunks, its size, or its digest is wrong", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, TAG);
    for (
      const [model, wrong, size] of [["a", CHANGED, {}], ["b", CHANGED.subarray(0, 11 * MIB), {}], [
        "c",
        CHANGED,
        exactly(LONG),
      ]] as const
    ) {
      await larder.library.remove("a").catch(() => {});
      origin.requests.length = 0;
      const bytes = Uint8Array.from(LONG);
      bytes[0] = model.charCodeAt(0);
      origin.file("/f", bytes, TAG);
      layPart(larder, digestOf(bytes), wrong, chunksOf(wrong));
      expectDone(await pullAndWait(larder.library, fileOf(url, { ...size, sha256: digestOf(bytes) }, model)));
      await expectContent(larder, bytes, { model });
      expect(starts(origin.requests).length).toBeLessThanOrEqual(2);
    }
  }));

test("R14: a part that lies under another key is not looked at", () =>
  withShared(async (origin, larder) => {
    await interrupt(origin, larder, { known: exactly(LONG) });
    const url = origin.file("/g", CHANGED, TAG);
    const [from, to] = [partOf(larder.home, digestOf(LONG)), partOf(larder.home, digestOf(CHANGED))];
    copyFileSync(from.part, to.part);
    copyFileSync(from.journal, to.journal);
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(CHANGED))));
    await expectContent(larder, CHANGED);
    expect(incoming(larder.home)).toHaveLength(2);
  }));

test("R15: a server without ranges is read in one go, from the start after a cut, and the view says so", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, { etag: '"v1"', ranges: false });
    origin.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "cut", afterBytes: 2 * MIB }]);
    const view = await pullAndWait(larder.library, fileOf(url, exactly(LONG)));
    expectDone(view);
    expect(view.files[0]?.resumable).toBe(false);
    await expectContent(larder, LONG);
    expect(origin.requests).toHaveLength(3);
    expect(origin.connections).toBe(3);
  }));

test("R15: one that is always cut is given up after six tries, as retryable", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", LONG, { etag: '"v1"', ranges: false });
    origin.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }], { forever: true });
    const view = await pullAndWait(larder.library, fileOf(url));
    expectFailed(view, "UPSTREAM_TRUNCATED");
    expect(view.error?.retryable).toBe(true);
    expect(origin.requests).toHaveLength(6);
  }));

test("P06: closing during a pull keeps its journal, and the next process goes on by itself", async () => {
  await using origin = await startOrigin({ bytesPerSecond: 12 * MIB });
  const url = origin.file("/f", LONG, TAG);
  const first = await openTestLibrary();
  const { home } = first;
  const { id } = await first.library.pull(fileOf(url));
  for await (const view of first.library.watchPull(id)) if (view.bytes_done > 6 * MIB) break;
  const startMs = performance.now();
  await first.close();
  expect(performance.now() - startMs).toBeLessThan(5_000);
  expect(incoming(home)).toHaveLength(2);
  const sent = origin.bytesSent("/f");
  origin.requests.length = 0;

  await using second = await openTestLibrary({ home });
  await second.library.resumeInterrupted();
  let view = await second.library.getPull(id);
  for await (view of second.library.watchPull(id));
  expectDone(view);
  await expectContent(second, LONG);
  const [start = 0] = starts(origin.requests);
  expect(start).toBeGreaterThanOrEqual(6 * MIB - CHUNK);
  expect(start).toBeLessThanOrEqual(sent);
  await expectSound(second);
  await first[Symbol.asyncDispose]();
});
