import { expect, test } from "bun:test";
import type { ErrorRecord } from "../../src/core/index.ts";
import type { Registry, ScanRow, VariantNote } from "../../src/registry/index.ts";
import { codeOf, digestOf, gitOidOf, versionOf, withRegistry } from "./fixtures.ts";

const MODEL = "acme/tiny";
const FAILED: ErrorRecord = {
  code: "UPSTREAM_TIMEOUT",
  message: "Cannot go on",
  retryable: true,
  hint: "Wait.",
};

function commit(n: number): string {
  return n.toString(16).padStart(40, "0");
}

function scanAt(n: number, scannedAtS = n, model = MODEL): ScanRow {
  return { model, version: commit(n), scannedAtS, document: { files: [{ path: "w", size_bytes: n }] } };
}

function noteOf(version: string, variant: string, model = MODEL): VariantNote {
  return { model, version, variant, bytesDone: 12_345_678_901, error: FAILED, updatedAtS: 1700000000.5 };
}

/** Which of the scans of commits 0 to 99 are there. */
function scansIn(registry: Registry, model = MODEL): number[] {
  return Array.from({ length: 100 }, (_, n) => n).filter((n) =>
    registry.findScan(model, commit(n)) !== undefined
  );
}

test("a blob is found by Git's name of it, whether it came with its bytes or with a version", () =>
  withRegistry(async (registry) => {
    const [early, late] = [gitOidOf("early"), gitOidOf("late")];
    await registry.recordBlob({ digest: digestOf("early"), sizeBytes: 5, gitOid: early });
    expect(registry.findBlobByGitOid(early)).toEqual({
      digest: digestOf("early"),
      sizeBytes: 5,
      state: "intact",
    });
    await registry.recordBlob({ digest: digestOf("late"), sizeBytes: 4 });
    expect(registry.findBlobByGitOid(late)).toBeUndefined();
    await registry.putVersion(versionOf(MODEL, "1", [{ path: "f", content: "late", gitOid: late }]));
    expect(registry.findBlobByGitOid(late)).toMatchObject({ digest: digestOf("late"), state: "intact" });
    expect(registry.findVersion(MODEL, "1")?.files[0]?.gitOid).toBe(late);
    await registry.putVersion(versionOf(MODEL, "1", [{ path: "f", content: "late" }]));
    expect(registry.findVersion(MODEL, "1")?.files[0]).not.toHaveProperty("gitOid");
    expect(registry.findBlobByGitOid(late)?.digest).toBe(digestOf("late"));
  }));

test("Git's name stays while a blob is damaged or missing, and goes with its row", () =>
  withRegistry(async (registry) => {
    const [digest, gitOid] = [digestOf("bytes"), gitOidOf("bytes")];
    await registry.recordBlob({ digest, sizeBytes: 5, gitOid });
    await registry.putVersion(versionOf(MODEL, "1", [{ path: "f", content: "bytes" }]));
    await registry.setBlobState(digest, "damaged");
    expect(registry.findBlobByGitOid(gitOid)?.state).toBe("damaged");
    await registry.forgetBlobs([digest]);
    expect(registry.findBlobByGitOid(gitOid)?.state).toBe("missing");
    await registry.recordBlob({ digest, sizeBytes: 5 });
    expect(registry.findBlobByGitOid(gitOid)?.state).toBe("intact");
    expect(await registry.removeVersion(MODEL)).toEqual([digest]);
    await registry.forgetBlobs([digest]);
    expect(registry.findBlobByGitOid(gitOid)).toBeUndefined();
  }));

test("a name of Git belongs to one blob and a blob has one: the last word counts", () =>
  withRegistry(async (registry) => {
    const [a, b] = [digestOf("a"), digestOf("b")];
    const [right, wrong] = [gitOidOf("a"), gitOidOf("no such")];
    await registry.recordBlob({ digest: a, sizeBytes: 1, gitOid: wrong });
    await registry.recordBlob({ digest: a, sizeBytes: 1, gitOid: right });
    expect(registry.findBlobByGitOid(wrong)).toBeUndefined();
    expect(registry.findBlobByGitOid(right)?.digest).toBe(a);
    await registry.recordBlob({ digest: b, sizeBytes: 1, gitOid: right });
    expect(registry.findBlobByGitOid(right)?.digest).toBe(b);
  }));

test("a version that is refused leaves no name of Git behind", () =>
  withRegistry(async (registry) => {
    await registry.recordBlob({ digest: digestOf("x"), sizeBytes: 1 });
    const wrong = versionOf(MODEL, "1", [
      { path: "good", content: "good", gitOid: gitOidOf("good") },
      { path: "bad", content: "x", sizeBytes: 2 },
    ]);
    expect(await codeOf(registry.putVersion(wrong))).toBe("SIZE_MISMATCH");
    expect(registry.findBlobByGitOid(gitOidOf("good"))).toBeUndefined();
  }));

test("a scan comes back as it was put, and is replaced by the next of its commit", () =>
  withRegistry(async (registry) => {
    const document = {
      sha: commit(1),
      facts: null,
      text: "ü\u0000\"'",
      files: Array(3).fill({ path: "a", size: 1.5 }),
    };
    await registry.putScan({ model: MODEL, version: commit(1), scannedAtS: 1700000000.25, document });
    expect(registry.findScan(MODEL, commit(1))).toEqual({
      model: MODEL,
      version: commit(1),
      scannedAtS: 1700000000.25,
      document,
    });
    await registry.putScan(scanAt(1, 1700000001));
    expect(registry.findScan(MODEL, commit(1))).toEqual(scanAt(1, 1700000001));
    expect(registry.findScan(MODEL, commit(2))).toBeUndefined();
    expect(registry.findScan("acme/Tiny", commit(1))).toBeUndefined();
    expect(registry.hasModel(MODEL)).toBe(false);
  }));

test("of a model's scans the 16 newest stay and those of versions that are here; the others go with their notes", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(versionOf(MODEL, commit(3)));
    await registry.putScan(scanAt(1, 1, "acme/other"));
    for (const n of [2, 3]) await registry.putVariantNote(noteOf(commit(n), "q4"));
    for (let n = 0; n < 30; n++) {
      await registry.putScan(scanAt(n));
      const newest = Array.from({ length: Math.min(n + 1, 16) }, (_, back) => n - back);
      const expected = [...newest, ...(n > 18 ? [3] : [])].sort((a, b) => a - b);
      expect([n, scansIn(registry)]).toEqual([n, expected]);
    }
    expect(registry.variantNotes(MODEL, commit(2))).toEqual([]);
    expect(registry.variantNotes(MODEL, commit(3))).toEqual([noteOf(commit(3), "q4")]);
    expect(scansIn(registry, "acme/other")).toEqual([1]);
    // Asked again, an old one is new.
    await registry.putScan(scanAt(14, 40));
    await registry.putScan(scanAt(30, 41));
    expect(scansIn(registry)).toContain(14);
    expect(scansIn(registry)).not.toContain(15);
  }));

test("a scan that was put is there also when the clock was set back", () =>
  withRegistry(async (registry) => {
    for (let n = 1; n <= 16; n++) await registry.putScan(scanAt(n, 1000 + n));
    await registry.putScan(scanAt(50, 5));
    expect(registry.findScan(MODEL, commit(50))).toEqual(scanAt(50, 5));
  }));

test("notes come back by variant, are replaced and removed one by one", () =>
  withRegistry(async (registry) => {
    const [q8, q4, other] = [noteOf("1", "q8"), noteOf("1", "q4"), noteOf("2", "q4")];
    for (const note of [q8, q4, other]) await registry.putVariantNote(note);
    expect(registry.variantNotes(MODEL, "1")).toEqual([q4, q8]);
    const again: VariantNote = {
      ...q4,
      bytesDone: 0,
      error: { code: "NO_SPACE", message: "Cannot write", retryable: false, details: { free_bytes: 5 } },
      updatedAtS: 1700000009,
    };
    await registry.putVariantNote(again);
    expect(registry.variantNotes(MODEL, "1")).toEqual([again, q8]);
    await registry.removeVariantNote(MODEL, "1", "q4");
    await registry.removeVariantNote(MODEL, "1", "never was");
    expect(registry.variantNotes(MODEL, "1")).toEqual([q8]);
    expect(registry.variantNotes(MODEL, "2")).toEqual([other]);
    expect(registry.variantNotes("acme/other", "1")).toEqual([]);
  }));

test("a version is removed with its notes only, a model with all notes and scans", () =>
  withRegistry(async (registry) => {
    const [one, two] = [commit(1), commit(2)];
    for (const version of [one, two]) {
      await registry.putVersion(versionOf(MODEL, version));
      await registry.putVariantNote(noteOf(version, "q4"));
      await registry.putVariantNote(noteOf(version, "q4", "acme/other"));
    }
    for (const n of [1, 2, 3]) await registry.putScan(scanAt(n));
    await registry.putScan(scanAt(1, 1, "acme/other"));
    await registry.removeVersion(MODEL, one);
    expect(registry.variantNotes(MODEL, one)).toEqual([]);
    expect(registry.variantNotes(MODEL, two)).toEqual([noteOf(two, "q4")]);
    expect(scansIn(registry)).toEqual([1, 2, 3]);
    await registry.removeVersion(MODEL);
    expect(registry.variantNotes(MODEL, two)).toEqual([]);
    expect(scansIn(registry)).toEqual([]);
    expect(registry.variantNotes("acme/other", one)).toHaveLength(1);
    expect(scansIn(registry, "acme/other")).toEqual([1]);
  }));

test("generation() grows with every write that a read of names, scans or notes could show", () =>
  withRegistry(async (registry) => {
    const writes: Array<() => Promise<unknown>> = [
      () => registry.recordBlob({ digest: digestOf("b"), sizeBytes: 1, gitOid: gitOidOf("b") }),
      () => registry.putVersion(versionOf(MODEL, "1")),
      () => registry.putScan(scanAt(1)),
      () => registry.putVariantNote(noteOf("1", "q4")),
      () => registry.removeVariantNote(MODEL, "1", "q4"),
      () => registry.removeVersion(MODEL),
    ];
    for (const write of writes) {
      const before = registry.generation();
      await write();
      expect(registry.generation()).toBeGreaterThan(before);
    }
  }));
