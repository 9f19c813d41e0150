import { expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { packDigests } from "../../src/core/index.ts";
import { openRegistry, type PullRow, type Registry } from "../../src/registry/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { codeOf, digestOf, versionOf, withRegistry } from "./fixtures.ts";

test("a version comes back as it was put", () =>
  withRegistry(async (registry) => {
    const record = {
      model: "acme/tiny",
      version: "1.2.0",
      createdAtS: 1700000000.25,
      files: [
        {
          path: "a/config.json",
          digest: digestOf("config"),
          sizeBytes: 6,
          sources: [{ kind: "path" as const, location: "/models/config.json" }],
          // printf config | git hash-object --stdin
          gitOid: "30fa1ceaf36334498cbd5a1e976cd4e7a7b63cc2",
        },
        {
          path: "weights.gguf",
          digest: digestOf("weights"),
          sizeBytes: 7,
          sources: [
            { kind: "url" as const, location: "https://one.example/w.gz", encoding: "gzip" as const },
            { kind: "url" as const, location: "https://two.example/w" },
          ],
        },
      ],
      variants: [
        { name: "Q4_K_M", status: "downloaded" as const, paths: ["a/config.json", "weights.gguf"] },
        { name: "fp32", status: "failed" as const, paths: [] },
      ],
    };
    await registry.putVersion(record);
    expect(registry.findVersion("acme/tiny", "1.2.0")).toEqual({ ...record, sizeBytes: 13 });
    expect(registry.findFile("acme/tiny", "1.2.0", "weights.gguf")).toEqual({
      path: "weights.gguf",
      digest: digestOf("weights"),
      sizeBytes: 7,
      state: "missing",
      modifiedMs: null,
    });
    await registry.recordBlob({ digest: digestOf("weights"), sizeBytes: 7 });
    expect(registry.findFile("acme/tiny", "1.2.0", "weights.gguf")?.state).toBe("intact");
    expect(registry.findFile("acme/tiny", "1.2.0", "nothing")).toBeUndefined();
    expect(registry.sourcesOf(digestOf("weights"))).toEqual(record.files[1]!.sources);
    expect(registry.namesOf(digestOf("weights"), 10)).toEqual([
      { model: "acme/tiny", version: "1.2.0", path: "weights.gguf" },
    ]);
  }));

test("putVersion() replaces a version wholly and keeps the aliases on it", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(versionOf("iris", "1.0.0", [{ path: "old", content: "old" }]));
    await registry.setAlias("iris", "stable", "1.0.0");
    await registry.putVersion(versionOf("iris", "1.0.0", [{ path: "new", content: "newer" }]));
    expect(registry.findVersion("iris", "1.0.0")?.files.map((file) => file.path)).toEqual(["new"]);
    expect(registry.findModel("iris")?.aliases).toEqual({ stable: "1.0.0" });
    expect(registry.isReferenced(digestOf("old"))).toBe(false);
    expect(registry.listModels({ limit: 10 })[0]?.sizeBytes).toBe(5);
  }));

test("putVersion() writes nothing when one of its files has another size than its blob", () =>
  withRegistry(async (registry) => {
    await registry.recordBlob({ digest: digestOf("x"), sizeBytes: 1 });
    const wrong = versionOf("iris", "1.0.0", [
      { path: "good", content: "good" },
      { path: "bad", content: "x", sizeBytes: 2 },
    ]);
    expect(await codeOf(registry.putVersion(wrong))).toBe("SIZE_MISMATCH");
    expect(registry.hasModel("iris")).toBe(false);
    expect(registry.findBlob(digestOf("good"))).toBeUndefined();
  }));

test("blobs: recorded, verified, changed and forgotten", () =>
  withRegistry(async (registry) => {
    const digest = digestOf("blob");
    const chunkDigests = packDigests([digestOf("chunk 0"), digestOf("chunk 1")]);
    await registry.recordBlob({ digest, sizeBytes: 6_000_000 });
    expect(registry.findBlob(digest)).toEqual({ digest, sizeBytes: 6_000_000, state: "intact" });
    await registry.setBlobState(digest, "damaged");
    expect(registry.findBlob(digest)?.state).toBe("damaged");
    await registry.setVerified([{ digest, chunkDigests }], 1234.5);
    expect(registry.findBlob(digest)).toEqual({
      digest,
      sizeBytes: 6_000_000,
      chunkDigests,
      state: "intact",
      verifiedAtS: 1234.5,
    });
    await registry.recordBlob({ digest, sizeBytes: 6_000_000 });
    expect(registry.findBlob(digest)?.chunkDigests).toEqual(chunkDigests);
    expect(registry.stats()).toEqual({ schema: 4, models: 0, versions: 0, blobs: 1, blobBytes: 6_000_000 });
    await registry.forgetBlobs([digest]);
    expect(registry.findBlob(digest)).toBeUndefined();
    expect(registry.stats()).toMatchObject({ blobs: 0, blobBytes: 0 });
  }));

test("forgetBlobs() keeps a blob that a file points to, as missing", () =>
  withRegistry(async (registry) => {
    await registry.recordBlob({ digest: digestOf("bytes"), sizeBytes: 5 });
    await registry.putVersion(versionOf("iris", "1.0.0", [{ path: "f", content: "bytes" }]));
    await registry.forgetBlobs([digestOf("bytes")]);
    expect(registry.findBlob(digestOf("bytes"))?.state).toBe("missing");
    expect(registry.stats()).toMatchObject({ blobs: 1, blobBytes: 0 });
  }));

test("blobsAfter() and aliveDigests() walk everything in pages and at once", () =>
  withRegistry(async (registry) => {
    const digests = Array.from({ length: 25 }, (_, n) => digestOf(`blob ${n}`)).sort();
    await Promise.all(digests.map((digest) => registry.recordBlob({ digest, sizeBytes: 6 })));
    const walked: string[] = [];
    for (let after = "";;) {
      const page = registry.blobsAfter(after, 10);
      if (page.length === 0) break;
      walked.push(...page.map((blob) => blob.digest));
      after = page.at(-1)!.digest;
    }
    expect(walked).toEqual(digests);
    expect(registry.aliveDigests()).toEqual(new Set());
    await registry.putVersion(versionOf("iris", "1", [{ path: "f", content: "blob 3" }]));
    await registry.putVersion(versionOf("iris", "2", [{ path: "f", content: "blob 3" }]));
    expect(registry.aliveDigests()).toEqual(new Set([digestOf("blob 3")]));
  }));

test("removeVersion() names the digests that nothing points to any more", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(
      versionOf("iris", "1.0.0", [{ path: "a", content: "shared" }, { path: "b", content: "one" }]),
    );
    await registry.putVersion(
      versionOf("iris", "2.0.0", [{ path: "a", content: "shared" }, { path: "b", content: "two" }]),
    );
    await registry.setAlias("iris", "old", "1.0.0");
    expect(await registry.removeVersion("iris", "1.0.0")).toEqual([digestOf("one")]);
    expect(registry.findModel("iris")).toMatchObject({ aliases: {}, versions: [{ version: "2.0.0" }] });
    expect((await registry.removeVersion("iris")).sort()).toEqual(
      [digestOf("shared"), digestOf("two")].sort(),
    );
    expect(registry.hasModel("iris")).toBe(false);
    expect(registry.stats()).toMatchObject({ models: 0, versions: 0 });
    expect(await codeOf(registry.removeVersion("iris"))).toBe("MODEL_NOT_FOUND");
  }));

test("resolveVersion() takes versions before aliases, and latest follows the rule", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(versionOf("iris", "1.9.0", undefined, 300));
    await registry.putVersion(versionOf("iris", "1.10.0", undefined, 200));
    await registry.putVersion(versionOf("iris", "2.0.0-rc.1", undefined, 400));
    expect(registry.resolveVersion("iris", "latest")).toBe("1.10.0");
    expect(registry.resolveVersion("iris", "1.9.0")).toBe("1.9.0");
    expect(registry.resolveVersion("iris", "stable")).toBeUndefined();
    await registry.setAlias("iris", "stable", "1.9.0");
    expect(registry.resolveVersion("iris", "stable")).toBe("1.9.0");
    await registry.setAlias("iris", "stable", "1.10.0");
    expect(registry.resolveVersion("iris", "stable")).toBe("1.10.0");
    await registry.removeVersion("iris", "1.10.0");
    expect(registry.resolveVersion("iris", "latest")).toBe("1.9.0");
    expect(registry.resolveVersion("iris", "stable")).toBeUndefined();
    expect(registry.resolveVersion("nobody", "latest")).toBeUndefined();
  }));

test("aliases refuse what is not there and names that versions have", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(versionOf("iris", "1.0.0"));
    expect(await codeOf(registry.setAlias("rose", "stable", "1.0.0"))).toBe("MODEL_NOT_FOUND");
    expect(await codeOf(registry.setAlias("iris", "stable", "9"))).toBe("VERSION_NOT_FOUND");
    expect(await codeOf(registry.setAlias("iris", "1.0.0", "1.0.0"))).toBe("BAD_ALIAS");
    expect(await registry.removeAlias("iris", "stable")).toBe(false);
    await registry.setAlias("iris", "stable", "1.0.0");
    expect(await registry.removeAlias("iris", "stable")).toBe(true);
    expect(registry.resolveVersion("iris", "stable")).toBeUndefined();
  }));

test("listModels() goes on after the last model of a page; sizes count each blob once per version", () =>
  withRegistry(async (registry) => {
    for (const model of ["c", "a/b", "B", "a"]) await registry.putVersion(versionOf(model, "1"));
    await registry.putVersion(
      versionOf("twice", "1", [{ path: "x", content: "12345678" }, { path: "y", content: "12345678" }], 5),
    );
    expect(registry.listModels({ limit: 3 }).map((row) => row.model)).toEqual(["B", "a", "a/b"]);
    expect(registry.listModels({ limit: 3, after: "a/b" })).toMatchObject([
      { model: "c", versionCount: 1, latest: "1" },
      { model: "twice", versionCount: 1, latest: "1", sizeBytes: 8 },
    ]);
    expect(registry.stats().models).toBe(5);
  }));

test("A14: what is searched for is text: no wildcard, no SQL", () =>
  withRegistry(async (registry) => {
    for (const model of ["a_b", "axb", "Phi-3.5", "percent"]) {
      await registry.putVersion(versionOf(model, "1"));
    }
    const found = (q: string) => registry.listModels({ q, limit: 10 }).map((row) => row.model);
    expect(found("a_b")).toEqual(["a_b"]);
    expect(found("%")).toEqual([]);
    expect(found("\\")).toEqual([]);
    expect(found("phi-3")).toEqual(["Phi-3.5"]);
    expect(found("'; DROP TABLE models; --")).toEqual([]);
    expect(registry.listModels({ q: "A_B", limit: 1_000_000 }).length).toBe(1);
    expect(registry.listModels({ q: "_", limit: 1_000_000 }).length).toBe(1);
    expect(registry.listModels({ q: "e", limit: 1_000_000 }).length).toBe(1);
    await registry.setSetting("k'); DELETE FROM models; --", "v'); DROP TABLE settings; --");
    expect(registry.getSetting("k'); DELETE FROM models; --")).toBe("v'); DROP TABLE settings; --");
    expect(registry.findFile("' OR 1=1 --", "1", "model.bin")).toBeUndefined();
    expect(registry.stats().models).toBe(4);
  }));

test("M17: __proto__ and constructor are plain names", () =>
  withRegistry(async (registry) => {
    for (const name of ["__proto__", "constructor", "prototype"]) {
      expect(registry.hasModel(name)).toBe(false);
      await registry.putVersion(versionOf(name, "constructor", [{ path: "__proto__", content: name }]));
      await registry.setAlias(name, "toString", "constructor");
      expect(registry.findFile(name, "constructor", "__proto__")?.digest).toBe(digestOf(name));
      expect(Object.keys(registry.findModel(name)!.aliases)).toEqual(["toString"]);
      expect(registry.findModel(name)!.aliases["constructor"]).toBeUndefined();
    }
    expect(registry.listModels({ limit: 10 }).map((row) => row.model)).toEqual([
      "__proto__",
      "constructor",
      "prototype",
    ]);
    expect(({} as Record<string, unknown>)["versions"]).toBeUndefined();
  }));

test("M16: A/b and a/B are two models", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(versionOf("A/b", "1", [{ path: "f", content: "same" }]));
    await registry.putVersion(versionOf("a/B", "1", [{ path: "F", content: "same" }]));
    expect(registry.findFile("A/b", "1", "f")?.digest).toBe(digestOf("same"));
    expect(registry.findFile("a/B", "1", "f")).toBeUndefined();
    expect(registry.findFile("a/B", "1", "F")?.digest).toBe(digestOf("same"));
    expect(registry.stats().models).toBe(2);
    expect(registry.stats().blobs).toBe(1);
  }));

const PULL: PullRow = {
  id: "p1",
  model: "iris",
  variant: "default",
  state: "running",
  createdAtS: 100,
  updatedAtS: 101,
  request: { model: "iris", files: [{ path: "f" }] },
  files: [
    { path: "f", urls: ["https://one.example/f"], bytesDone: 5, state: "running" },
    { path: "g", urls: [], sizeBytes: 7, digest: digestOf("g"), bytesDone: 7, state: "done" },
  ],
};

test("pulls come back as they were put, newest first, by state", () =>
  withRegistry(async (registry) => {
    await registry.putPull(PULL);
    await registry.putPull({ ...PULL, id: "p2", createdAtS: 200, state: "paused", files: [] });
    await registry.putPull({ ...PULL, id: "p3", createdAtS: 300, state: "queued", files: [] }, {
      durable: false,
    });
    expect(registry.findPull("p1")).toEqual(PULL);
    expect(registry.findPull("p4")).toBeUndefined();
    const ids = (...args: Parameters<Registry["listPulls"]>) =>
      registry.listPulls(...args).map((pull) => pull.id);
    expect(ids({ limit: 2 })).toEqual(["p3", "p2"]);
    expect(ids({ limit: 10, states: ["running", "queued"] })).toEqual(["p3", "p1"]);
    expect(ids({ limit: 1, states: ["running", "queued"] })).toEqual(["p3"]);
    expect(ids({ limit: 10, states: [] })).toEqual([]);
    const failed: PullRow = {
      ...PULL,
      version: "1.0.0",
      state: "failed",
      finishedAtS: 150,
      error: { code: "DNS", message: "Cannot find host", retryable: true },
      files: PULL.files.slice(0, 1),
    };
    await registry.putPull(failed);
    expect(registry.findPull("p1")).toEqual(failed);
  }));

test("tokens are found by the digest of their secret", () =>
  withRegistry(async (registry) => {
    const token = {
      id: "t1",
      name: "ci",
      digest: digestOf("secret"),
      scopes: ["read", "pull"],
      createdAtS: 5,
    };
    await registry.putToken(token);
    await registry.putToken({ ...token, id: "t2", digest: digestOf("other"), expiresAtS: 9 });
    expect(registry.findTokenByDigest(digestOf("secret"))).toEqual(token);
    expect(registry.listTokens()).toHaveLength(2);
    expect(registry.listTokens()[1]?.expiresAtS).toBe(9);
    expect(await registry.removeToken("t1")).toBe(true);
    expect(await registry.removeToken("t1")).toBe(false);
    expect(registry.findTokenByDigest(digestOf("secret"))).toBeUndefined();
  }));

test("one write that fails leaves the others of its transaction alone", () =>
  withRegistry(async (registry) => {
    const outcomes = await Promise.allSettled([
      registry.putVersion(versionOf("one", "1")),
      registry.setAlias("nobody", "stable", "1"),
      registry.putVersion(versionOf("two", "1")),
      registry.setAlias("one", "stable", "1"),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "fulfilled",
    ]);
    expect(registry.stats().models).toBe(2);
    expect(registry.resolveVersion("one", "stable")).toBe("1");
  }));

test("findChunks() finds each wanted chunk once, in intact blobs only", () =>
  withRegistry(async (registry) => {
    const names = Array.from({ length: 200 }, (_, n) => digestOf(`chunk ${n}`));
    const blobs = ["x", "y", "z"].map((name) => digestOf(name));
    const [x, y, z] = [blobs[0]!, blobs[1]!, blobs[2]!];
    await registry.recordBlob({
      digest: x,
      sizeBytes: 1_000_000_000,
      chunkDigests: packDigests(names.slice(0, 100)),
    });
    await registry.recordBlob({
      digest: y,
      sizeBytes: 999_999,
      chunkDigests: packDigests(names.slice(150, 151)),
    });
    await registry.recordBlob({
      digest: z,
      sizeBytes: 999_999,
      chunkDigests: packDigests(names.slice(160, 161)),
    });
    await registry.recordBlob({ digest: digestOf("no chunks"), sizeBytes: 1 });
    await registry.setBlobState(z, "damaged");
    const wanted = [names[7]!, names[7]!, names[99]!, names[150]!, names[160]!, names[199]!];
    const matches = await registry.findChunks(wanted);
    expect(matches.toSorted((a, b) => a.index - b.index || a.blobSizeBytes - b.blobSizeBytes)).toEqual([
      { wanted: names[150]!, blob: y, blobSizeBytes: 999_999, index: 0 },
      { wanted: names[7]!, blob: x, blobSizeBytes: 1_000_000_000, index: 7 },
      { wanted: names[99]!, blob: x, blobSizeBytes: 1_000_000_000, index: 99 },
    ]);
    expect(await registry.findChunks([])).toEqual([]);
  }));

test("S19: all files of the registry are for their user only", async () => {
  const before = process.umask(0);
  try {
    await withRegistry(async (registry, path) => {
      await registry.setSetting("a", "b");
      for (const suffix of ["", "-wal", "-shm", ".state"]) {
        const { stdout } = Bun.spawnSync(["ls", "-l", path + suffix]);
        expect(stdout.toString().slice(0, 10)).toBe("-rw-------");
      }
    });
  } finally {
    process.umask(before);
  }
});

test("close() leaves one database file that another program can read", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const registry = await openRegistry({ path });
  await registry.putVersion(versionOf("iris", "1"));
  const last = registry.setSetting("late", "yes");
  await registry.close();
  await last;
  expect([...new Bun.Glob("*").scanSync(folder.path)].sort()).toEqual([
    "registry.sqlite",
    "registry.sqlite.state",
  ]);
  using db = new Database(path, { readonly: true });
  expect(db.query("SELECT name FROM models").values()).toEqual([["iris"]]);
  expect(db.query("PRAGMA foreign_key_check").values()).toEqual([]);
  expect(db.query("SELECT value FROM settings WHERE key = 'late'").values()).toEqual([["yes"]]);
  expect(await codeOf(registry.setSetting("after", "close"))).toBe("SHUTTING_DOWN");
});
