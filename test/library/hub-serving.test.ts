import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isLarderError, parseDigest } from "../../src/core/index.ts";
import { createHubServing, type HubServing, type HubServingDeps } from "../../src/library/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, type TestLibrary } from "../helpers/library.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const OTHER = "fedcba9876543210fedcba9876543210fedcba98";
const EMPTY = parseDigest(digestOf(""));
let larder: TestLibrary;
let serving: HubServing;

async function addVersion(
  model: string,
  version: string,
  paths: readonly string[],
  createdAtS = 1,
): Promise<void> {
  const files = paths.map((path) => ({ path, digest: EMPTY, sizeBytes: 0, sources: [] }));
  await larder.registry.putVersion({ model, version, createdAtS, files, variants: [] });
}

beforeAll(async () => {
  larder = await openTestLibrary();
  serving = createHubServing({ registry: larder.registry });
  await larder.registry.recordBlob({ digest: EMPTY, sizeBytes: 0, chunkDigests: new Uint8Array() });
  await addVersion("acme/tiny", COMMIT, ["b", "a/z", "a.x", "é"]);
  await addVersion("acme/tiny", OTHER, ["b"], 2);
  await addVersion("acme/tiny", "1.0.0", ["b"], 3);
  for (
    const name of ["a", "b/c", "c/d", "data", "spaces/acme/demo", "datasets/acme/one", "datasets/two", "z"]
  ) {
    await addVersion(name, "1.0.0", ["x"]);
  }
});
afterAll(() => larder[Symbol.asyncDispose]());

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    if (isLarderError(error)) return error.code;
    throw error;
  }
  return undefined;
}

describe("a revision", () => {
  test("main is the alias of that name, else the latest version", async () => {
    expect(serving.findRevision("acme/tiny", "main")).toBe("1.0.0");
    await larder.registry.setAlias("acme/tiny", "main", COMMIT);
    for (const revision of ["main", "HEAD", "refs/heads/main"]) {
      expect(serving.findRevision("acme/tiny", revision)).toBe(COMMIT);
    }
    expect(serving.findRevision("acme/tiny", "latest")).toBe("1.0.0");
  });

  test("is a version, the commit that stands for it, or an alias; anything else is none", async () => {
    await larder.registry.setAlias("acme/tiny", "prod", OTHER);
    // Printed by: printf 1.0.0 | sha256sum | cut -c-40
    expect(serving.findRevision("acme/tiny", "92521fc3cbd964bdc9f584a991b89fddaa5754ed")).toBe("1.0.0");
    expect(serving.findRevision("acme/tiny", "refs/tags/1.0.0")).toBe("1.0.0");
    expect(serving.findRevision("acme/tiny", "prod")).toBe(OTHER);
    for (const revision of ["", "0123456", "refs/pr/1", "refs/heads/", "x".repeat(10_000), "9".repeat(40)]) {
      expect(serving.findRevision("acme/tiny", revision)).toBeUndefined();
    }
    expect(serving.findRevision("acme/none", "main")).toBeUndefined();
  });

  test("without a model is MODEL_NOT_FOUND, without itself VERSION_NOT_FOUND", () => {
    expect(codeOf(() => serving.snapshot("acme/none", "main"))).toBe("MODEL_NOT_FOUND");
    expect(codeOf(() => serving.refs("acme/none"))).toBe("MODEL_NOT_FOUND");
    expect(codeOf(() => serving.snapshot("acme/tiny", "v9"))).toBe("VERSION_NOT_FOUND");
  });
});

test("files are in order of code units, and all that no repository keeps in Git have a pointer", () => {
  const { files, commit } = serving.snapshot("acme/tiny", COMMIT);
  expect(commit).toBe(COMMIT);
  expect([...files.keys()]).toEqual(["a.x", "a/z", "b", "é"]);
  expect(files.get("b")).toEqual({
    path: "b",
    sizeBytes: 0,
    sha256: EMPTY,
    // Printed by `git hash-object` and `wc -c` for the three lines of a pointer to an empty file.
    gitOid: "fc8e42b32efb9a9bf3ae0234a18a948e499490f8",
    pointerBytes: 126,
  });
});

describe("the list", () => {
  const namesOf = (query: Parameters<HubServing["models"]>[0]) =>
    serving.models(query).models.map(({ model }) => model);

  test("keeps the three kinds apart, whatever a model is called", () => {
    expect(namesOf({ kind: "model", limit: 10 })).toEqual(["a", "acme/tiny", "b/c", "c/d", "data", "z"]);
    expect(namesOf({ kind: "dataset", limit: 10 })).toEqual(["datasets/acme/one", "datasets/two"]);
    expect(namesOf({ kind: "space", limit: 10 })).toEqual(["spaces/acme/demo"]);
    expect(namesOf({ kind: "model", limit: 10, search: "DAT" })).toEqual(["data"]);
    expect(namesOf({ kind: "dataset", limit: 10, author: "acme" })).toEqual(["datasets/acme/one"]);
  });

  test("page by page has each model once", () => {
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = serving.models({ kind: "model", limit: 2, after });
      expect(page.models.length).toBeLessThanOrEqual(2);
      found.push(...page.models.map(({ model }) => model));
      after = page.next;
    } while (after !== undefined);
    expect(found).toEqual(["a", "acme/tiny", "b/c", "c/d", "data", "z"]);
  });
});

test("what was read is read again only after a change", async () => {
  const { registry } = larder;
  const reads: string[] = [];
  const counting: HubServingDeps["registry"] = {
    findBlob: (digest) => registry.findBlob(digest),
    findModel: (model) => registry.findModel(model),
    findVersion: (model, version) => {
      reads.push(`${model}@${version}`);
      return registry.findVersion(model, version);
    },
    generation: () => registry.generation(),
    hasModel: (model) => registry.hasModel(model),
    listModels: (query) => registry.listModels(query),
    resolveVersion: (model, version) => registry.resolveVersion(model, version),
  };
  const counted = createHubServing({ registry: counting });
  const first = counted.snapshot("acme/tiny", COMMIT);
  expect(counted.snapshot("acme/tiny", COMMIT)).toBe(first);
  expect(counted.snapshot("acme/tiny", `refs/heads/main`)).toBe(first);
  expect(reads).toEqual([`acme/tiny@${COMMIT}`]);
  await addVersion("acme/tiny", COMMIT, ["b", "new"]);
  expect([...counted.snapshot("acme/tiny", COMMIT).files.keys()]).toEqual(["b", "new"]);
});

test("an empty blob has no chunks, and a blob without digests is as good as unknown", async () => {
  expect(serving.chunkDigests(EMPTY)).toEqual({ sizeBytes: 0, chunks: [] });
  const unread = parseDigest(digestOf("unread"));
  await larder.registry.recordBlob({ digest: unread, sizeBytes: 6 });
  expect(serving.chunkDigests(unread)).toBeUndefined();
  expect(serving.chunkDigests(parseDigest(digestOf("unknown")))).toBeUndefined();
});
