import { describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../src/core/index.ts";
import { PartFile } from "../../src/download/part-file.ts";
import { WritebackHint } from "../../src/download/writeback.ts";
import { failure } from "../net/client.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { expectStarts, type Fetched, MIB, sharedDownloads, starts, type Wanted } from "./downloading.ts";

const downloads = await sharedDownloads();

interface Sample {
  readonly bytes: Uint8Array;
  /** As `git hash-object --no-filters --stdin` says. */
  readonly gitOid: string;
}

function sample(seed: number, sizeBytes: number, gitOid: string): Sample {
  return { bytes: pseudoRandomBytes(seed, sizeBytes), gitOid };
}

const SMALL = sample(21, 300_000, "5321fc858e45567458d657998a64926768e2013d");
const OTHER_SMALL = sample(24, 300_000, "f9fd1e1f16c472d031504bc73c06889df4b2733a");
const ONE_CHUNK = sample(22, 3 * MIB + 5, "07b941a2a54b4781d47c4addcd7228ddc2e95207");
const LONG = sample(23, 12 * MIB + 345, "d53ce5f05e4cb410308f2dfd7582bcd753ae8bd0");
const OTHER_LONG = sample(25, 12 * MIB + 345, "52086ab884e2b22fdba7e7f56da040cfa8882fff");
const EMPTY: Sample = { bytes: new Uint8Array(), gitOid: "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" };

/** Both ways in: `other` is another file of the same length. */
const WAYS = [
  { way: "in memory", right: SMALL, other: OTHER_SMALL, fetch: intoMemory },
  { way: "on disk", right: LONG, other: OTHER_LONG, fetch: intoPart },
] as const;

/** Of a connection that breaks a small file may be lost as a whole; what came before a stall is there. */
const STALL_BYTES = 200_000;

let parts = 0;

function intoPart(request: Wanted): Promise<Fetched> {
  return downloads.toPart(`part ${parts++}`, request);
}

function intoMemory(request: Wanted): Promise<Fetched> {
  return downloads.toMemory({ sizeBytes: SMALL.bytes.length, ...request });
}

/** Two servers, since what one of them sent wrong counts against all its paths. */
async function withTwo(work: (first: Origin, second: Origin) => Promise<void>): Promise<void> {
  await using first = await startOrigin();
  await using second = await startOrigin();
  await work(first, second);
}

test("the right name is taken, and the digests come along", async () => {
  await using origin = await startOrigin();
  for (const { bytes, gitOid } of [SMALL, ONE_CHUNK, LONG, EMPTY]) {
    const mirrors = [origin.file(`/${gitOid}`, bytes)];
    const { outcome, bytes: written } = await intoPart({ mirrors, gitOid });
    expect([String(outcome.digest), outcome.sizeBytes]).toEqual([digestOf(bytes), bytes.length]);
    expect(digestOf(written)).toBe(digestOf(bytes));
  }
  const { outcome, bytes } = await intoMemory({
    mirrors: [origin.url(`/${SMALL.gitOid}`)],
    gitOid: SMALL.gitOid,
  });
  expect([String(outcome.digest), digestOf(bytes)]).toEqual([digestOf(SMALL.bytes), digestOf(SMALL.bytes)]);
});

for (const { way, right, other, fetch } of WAYS) {
  describe(way, () => {
    test("other bytes of the only mirror are refused after one pass", async () => {
      await using origin = await startOrigin();
      const error = await failure(fetch({ mirrors: [origin.file("/f", other.bytes)], gitOid: right.gitOid }));
      expect(error).toMatchObject({ code: "DIGEST_MISMATCH", retryable: false, field: "git_oid" });
      expect(error.message).toContain(`git oid ${right.gitOid}`);
      expect(error.details).toEqual({ expected: right.gitOid, actual: other.gitOid });
      expect(starts(origin.requests)).toEqual([0]);
    });

    test("the second mirror gives them from zero, and is asked first from then on", () =>
      withTwo(async (bad, good) => {
        const mirrors = [bad.file("/f", other.bytes), good.file("/f", right.bytes)];
        const { bytes } = await fetch({ mirrors, gitOid: right.gitOid });
        expect(digestOf(bytes)).toBe(digestOf(right.bytes));
        expect([bad, good].map(({ requests }) => starts(requests))).toEqual([[0], [0]]);
        await fetch({ mirrors, gitOid: right.gitOid });
        expect([bad, good].map(({ requests }) => starts(requests))).toEqual([[0], [0, 0]]);
      }));

    test("at most one more pass: two mirrors with other bytes are asked once each", () =>
      withTwo(async (first, second) => {
        const mirrors = [first.file("/f", other.bytes), second.file("/f", other.bytes)];
        expect((await failure(fetch({ mirrors, gitOid: right.gitOid }))).code).toBe("DIGEST_MISMATCH");
        expect([first, second].map(({ requests }) => starts(requests))).toEqual([[0], [0]]);
      }));

    test("with a digest beside it both have to be right", async () => {
      await using origin = await startOrigin();
      const mirrors = [origin.file("/f", right.bytes)];
      const digest = digestOf(right.bytes) as Digest;
      const wrongDigest = digestOf(other.bytes) as Digest;
      await fetch({ mirrors, digest, gitOid: right.gitOid });
      const fields = [];
      for (
        const wrong of [
          { digest, gitOid: other.gitOid },
          { digest: wrongDigest, gitOid: right.gitOid },
        ]
      ) {
        const { code, field } = await failure(fetch({ mirrors, ...wrong }));
        fields.push([code, field]);
      }
      expect(fields).toEqual([["DIGEST_MISMATCH", "git_oid"], ["DIGEST_MISMATCH", "sha256"]]);
    });

    test("after a stall the rest is fetched though the server gives no tag", async () => {
      await using origin = await startOrigin();
      const mirrors = [origin.file("/f", right.bytes)];
      origin.fault("/f", [{ kind: "stall", afterBytes: STALL_BYTES }]);
      const { bytes, outcome } = await fetch({ mirrors, gitOid: right.gitOid });
      expect(digestOf(bytes)).toBe(digestOf(right.bytes));
      expect(starts(origin.requests)).toEqual([0, STALL_BYTES]);
      expect(outcome.bytesFetched).toBe(right.bytes.length);
    });

    test("another mirror goes on where the first one left off", () =>
      withTwo(async (first, second) => {
        const mirrors = [first.file("/f", right.bytes), second.file("/f", right.bytes)];
        first.fault("/f", [{ kind: "stall", afterBytes: STALL_BYTES }]);
        const { bytes } = await fetch({ mirrors, gitOid: right.gitOid });
        expect(digestOf(bytes)).toBe(digestOf(right.bytes));
        expect([first, second].map(({ requests }) => starts(requests))).toEqual([[0], [STALL_BYTES]]);
      }));

    test("with the length a body that ends by closing is taken", async () => {
      await using origin = await startOrigin();
      const mirrors = [origin.file("/f", right.bytes, { ranges: false })];
      const sizeBytes = right.bytes.length;
      origin.fault("/f", [{ kind: "close-delimited", afterBytes: 1000 }, { kind: "close-delimited" }]);
      const { bytes } = await fetch({ mirrors, gitOid: right.gitOid, sizeBytes });
      expect(digestOf(bytes)).toBe(digestOf(right.bytes));
    });
  });
}

/** A first call that ends in the middle of the file; what it brought lies in the part. */
async function beginPart(name: string, origin: Origin, request: Wanted): Promise<void> {
  origin.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "status", status: 404 }]);
  expect((await failure(downloads.toPart(name, request))).code).toBe("UPSTREAM_NOT_FOUND");
  expectStarts(origin.requests, [0, 7 * MIB]);
  origin.forget();
}

test("a later call goes on from what an earlier one left, without any tag", async () => {
  await using origin = await startOrigin();
  const request = { mirrors: [origin.file("/f", LONG.bytes)], gitOid: LONG.gitOid };
  await beginPart("resumed", origin, request);
  const { bytes, outcome } = await downloads.toPart("resumed", request);
  expect(digestOf(bytes)).toBe(digestOf(LONG.bytes));
  expectStarts(origin.requests, [7 * MIB]);
  expect(outcome.bytesFetched).toBe(LONG.bytes.length - (starts(origin.requests)[0] ?? 0));
});

test("what is left of another file is seen at the end, and all is fetched from zero", async () => {
  await using origin = await startOrigin();
  await beginPart("replaced", origin, {
    mirrors: [origin.file("/f", OTHER_LONG.bytes)],
    gitOid: OTHER_LONG.gitOid,
  });
  const mirrors = [origin.file("/f", LONG.bytes)];
  const { bytes } = await downloads.toPart("replaced", { mirrors, gitOid: LONG.gitOid });
  expect(digestOf(bytes)).toBe(digestOf(LONG.bytes));
  expectStarts(origin.requests, [7 * MIB, 0]);
});

async function withPartFile(bytes: Uint8Array, work: (part: PartFile) => Promise<void>): Promise<void> {
  await using folder = await tempFolder();
  const path = join(folder.path, "part");
  await Bun.write(path, bytes);
  const fd = openSync(path, "r");
  try {
    await work(new PartFile(fd, fd, new WritebackHint()));
  } finally {
    closeSync(fd);
  }
}

test("other work of the thread goes on between two pieces of a part", () =>
  withPartFile(LONG.bytes, async (part) => {
    let isOver = false;
    let turns = 0;
    const work = part.gitOid(LONG.bytes.length, new AbortController().signal).finally(() => isOver = true);
    for (; !isOver; turns++) await Bun.sleep(0);
    expect(await work).toBe(LONG.gitOid);
    expect(turns).toBeGreaterThanOrEqual(6);
  }));

test("a part is not read on once nobody wants it", () =>
  withPartFile(LONG.bytes, async (part) => {
    const controller = new AbortController();
    const work = part.gitOid(LONG.bytes.length, controller.signal);
    controller.abort(new Error("enough"));
    expect(await work.catch((error: unknown) => error)).toEqual(new Error("enough"));
  }));
