import { expect, test } from "bun:test";
import type { Digest } from "../../src/core/index.ts";
import type { Journal, JournalHeader } from "../../src/download/journal.ts";
import { findResumePoint } from "../../src/download/resume.ts";
import type { TransferJob } from "../../src/download/transfer-protocol.ts";
import { digestOf } from "../helpers/digest.ts";

const CHUNK = 5242880;
const D = digestOf("d") as Digest;
const BOOT = digestOf("boot") as Digest;
const MIRROR = "https://h.test/f";

function journal(header: Partial<JournalHeader> = {}, rest: Partial<Journal> = {}): Journal {
  return {
    header: { version: 1, totalBytes: 4 * CHUNK, mirror: MIRROR, etag: '"e"', boot: BOOT, ...header },
    sizeBytes: 0,
    boot: BOOT,
    written: new Set([0, 1]),
    hashed: new Map([[0, D]]),
    begun: new Map([[2, 1000]]),
    ...rest,
  };
}

function job(rest: Partial<TransferJob> = {}): TransferJob {
  return {
    ...{ id: 1, fd: 0, journalFd: 0, mirrors: [MIRROR], copies: [], group: "g" },
    ...{ chunksKnown: false, fresh: false, unmixed: false, refetch: [] },
    ...rest,
  };
}

function point(from: Journal, to: TransferJob, boot: Digest | undefined = BOOT, presentBytes = 4 * CHUNK) {
  const found = findResumePoint(from, to, boot, presentBytes);
  return found &&
    { front: found.map.frontBytes, done: found.map.doneBytes, etag: found.etag, recorded: found.recorded };
}

test("since the same boot all that was written counts", () => {
  expect(point(journal(), job())).toEqual({
    front: 2 * CHUNK + 1000,
    done: 2 * CHUNK + 1000,
    etag: '"e"',
    recorded: [[0, D]],
  });
});

test("after another boot, or where boots cannot be told apart, only what was hashed counts", () => {
  const hashedOnly = { front: CHUNK, done: CHUNK, etag: '"e"', recorded: [[0, D]] };
  expect(point(journal(), job(), digestOf("other") as Digest)).toEqual(hashedOnly as never);
  expect(findResumePoint(journal(), job(), undefined, 4 * CHUNK)?.map.doneBytes).toBe(CHUNK);
});

test("R13: what lies beyond the end of the part does not count", () => {
  expect(point(journal(), job(), BOOT, 2 * CHUNK - 1)).toMatchObject({ done: CHUNK });
  expect(point(journal(), job(), BOOT, 2 * CHUNK + 999)).toMatchObject({ done: 2 * CHUNK });
  expect(point(journal(), job(), BOOT, 0)).toMatchObject({ done: 0, recorded: [] });
});

test("R05/R06: without a digest only the same tag of the same mirror joins", () => {
  const { etag: _tag, ...untagged } = journal().header;
  expect(point({ ...journal(), header: untagged }, job())).toBeUndefined();
  expect(point(journal(), job({ mirrors: ["https://other.test/f", MIRROR] }))).toBeUndefined();
  expect(point({ ...journal(), header: untagged }, job({ digest: D }))).toMatchObject({ etag: undefined });
  expect(point(journal(), job({ digest: D, mirrors: ["https://other.test/f"] }))).toMatchObject({
    etag: undefined,
  });
  expect(point(journal(), job({ chunksKnown: true, mirrors: ["https://other.test/f"] }))).toBeDefined();
});

test("Git's name of the file joins what no tag does, as a digest", () => {
  const gitOid = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
  const { etag: _tag, ...untagged } = journal().header;
  expect(point({ ...journal(), header: untagged }, job({ gitOid }))).toMatchObject({
    done: 2 * CHUNK + 1000,
  });
  expect(point(journal(), job({ gitOid, mirrors: ["https://other.test/f"] }))).toMatchObject({
    etag: undefined,
  });
});

test("a mirror is the same with another signature", () => {
  expect(point(journal(), job({ mirrors: [`${MIRROR}?X-Amz-Signature=abc`] }))).toMatchObject({
    etag: '"e"',
  });
});

test("R14: a part of another size does not count", () => {
  expect(point(journal(), job({ digest: D, sizeBytes: 4 * CHUNK - 1 }))).toBeUndefined();
  expect(point(journal(), job({ digest: D, sizeBytes: 4 * CHUNK }))).toBeDefined();
});

test("chunks to fetch again are missing, and their old digest is forgotten", () => {
  expect(point(journal(), job({ digest: D, refetch: [0] }))).toMatchObject({
    front: 0,
    done: CHUNK + 1000,
    recorded: [],
  });
});

test("notes of chunks that the file does not have are passed over", () => {
  const strange = journal({ totalBytes: CHUNK }, {
    written: new Set([7, 4294967295]),
    hashed: new Map([[9, D]]),
  });
  expect(point(strange, job(), BOOT, CHUNK)).toMatchObject({ done: 0, recorded: [] });
});
