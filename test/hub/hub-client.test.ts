import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { formatRepoName, parseRepoName } from "../../src/hub/index.ts";
import { type Hub, type Repository, startHub } from "../helpers/hub.ts";
import { pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { failure } from "../net/client.ts";
import { clientOf, TINY } from "./setup.ts";

const MODEL = pseudoRandomBytes(2, 5000);
const ODD_PATH = "a b/ü%#?.txt";

let hub: Hub;
let tiny: Repository;
let commit: string;
beforeAll(async () => {
  hub = await startHub({ pageFiles: 400 });
  tiny = hub.repository({
    ...{
      id: "acme/tiny",
      license: "mit",
      pipelineTask: "fill-mask",
      libraryName: "transformers",
      tags: ["en"],
    },
  });
  commit = tiny.commit({ "config.json": "{}", [ODD_PATH]: "odd", "model.onnx": MODEL, "empty.txt": "" });
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

test("1,200 files on three pages cost one request for the commit and three for the files", async () => {
  const many = hub.repository({ id: "acme/many" });
  const made = many.commit(
    Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`f${i}.txt`, `content ${i}`])),
  );
  const listing = await clientOf([hub.endpoint]).scan({ kind: "model", id: "acme/many" });
  expect([listing.commit, listing.files.length]).toEqual([made, 1200]);
  expect(hub.requests.map(({ path }) => path)).toEqual([
    "/api/models/acme/many/revision/main",
    ...Array(3).fill(`/api/models/acme/many/tree/${made}`),
  ]);
  const { gitOid } = await many.file("f77.txt").digests();
  expect(listing.files.find((file) => file.path === "f77.txt")).toEqual({
    path: "f77.txt",
    sizeBytes: 10,
    gitOid,
  });
});

test("a listing has the files without folders, those in LFS with their SHA-256, and what the page says", async () => {
  const listing = await clientOf([`${hub.endpoint}/`]).scan(TINY);
  const { gitOid, lfs } = await tiny.file("model.onnx").digests();
  expect(listing.files.map((file) => file.path)).toEqual([
    ODD_PATH,
    "config.json",
    "empty.txt",
    "model.onnx",
  ]);
  expect(listing.files.at(-1)).toEqual({
    ...{ path: "model.onnx", sizeBytes: 5000, gitOid, sha256: lfs?.sha256 ?? "none" },
  });
  expect(listing).toMatchObject({ repo: TINY, revision: "main", commit, endpoint: hub.endpoint });
  expect(listing.info).toEqual({
    pipelineTask: "fill-mask",
    libraryName: "transformers",
    tags: ["transformers", "en", "license:mit"],
    license: "mit",
    gated: "none",
    private: false,
    lastModified: tiny.get("main").atMs / 1000,
  });
});

test("branches, tags, commits and pull requests are revisions", async () => {
  const client = clientOf([hub.endpoint]);
  const pull = tiny.commit({ "config.json": "{1}" }, { branch: "refs/pr/1" });
  const branch = tiny.commit({ "config.json": "{2}" }, { branch: "feature/x" });
  tiny.tag("v1.0");
  hub.reset();
  for (
    const [revision, id] of [["refs/pr/1", pull], ["feature/x", branch], ["v1.0", commit], [
      commit,
      commit,
    ]] as const
  ) {
    expect(await client.commitOf(TINY, revision)).toBe(id);
    expect((await client.scan(TINY, revision)).commit).toBe(id);
  }
  expect(hub.requests.length).toBe(4 * 3);
});

test("a renamed repository, and a name in other case, are listed under the name they have now", async () => {
  hub.repository({ id: "acme/old" }).commit({ "config.json": "{}" });
  hub.rename("acme/old", "acme/New");
  for (const id of ["acme/old", "ACME/new"]) {
    expect((await clientOf([hub.endpoint]).scan({ kind: "model", id })).repo.id).toBe("acme/New");
  }
});

test.each(["gpt2", "datasets/acme/texts", "spaces/acme/demo"])("%s is listed and read", async (name) => {
  const repo = parseRepoName(name);
  const made = hub.repository(repo).commit({ "a/b.txt": name });
  const client = clientOf([hub.endpoint]);
  const listing = await client.scan(repo);
  expect([formatRepoName(listing.repo), listing.commit, listing.files[0]?.path]).toEqual([
    name,
    made,
    "a/b.txt",
  ]);
  expect(new TextDecoder().decode(await client.read(listing, "a/b.txt"))).toBe(name);
});

test("addresses of a file are one per endpoint, in order, each name of the path encoded", () => {
  const client = clientOf(["https://hub.example/", "https://mirror.example/hf"]);
  const path = "a b/%23/ü#?.txt";
  expect(client.resolveUrls({ repo: TINY, commit }, path)).toEqual([
    `https://hub.example/acme/tiny/resolve/${commit}/a%20b/%2523/%C3%BC%23%3F.txt`,
    `https://mirror.example/hf/acme/tiny/resolve/${commit}/a%20b/%2523/%C3%BC%23%3F.txt`,
  ]);
  expect(client.resolveUrls({ repo: { kind: "dataset", id: "acme/texts" }, commit }, "x")[0])
    .toBe(`https://hub.example/datasets/acme/texts/resolve/${commit}/x`);
});

test("read() gives a whole file, from git and from LFS, or a part of one", async () => {
  const client = clientOf([hub.endpoint]);
  const at = { repo: TINY, commit };
  expect(new TextDecoder().decode(await client.read(at, ODD_PATH))).toBe("odd");
  expect(await client.read(at, "empty.txt")).toHaveLength(0);
  expect(Buffer.compare(await client.read(at, "model.onnx"), MODEL)).toBe(0);
  const part = await client.read(at, "model.onnx", { range: { start: 100, end: 300 } });
  expect(Buffer.compare(part, MODEL.subarray(100, 300))).toBe(0);
  const tail = await client.read(at, "model.onnx", { range: { start: 4900, end: 9000 } });
  expect(Buffer.compare(tail, MODEL.subarray(4900))).toBe(0);
  expect(hub.bytesSent("model.onnx")).toBe(5000 + 200 + 100);
});

test("read() takes the beginning from a server without ranges, and nothing else", async () => {
  await using origin = await startOrigin();
  origin.file(`/acme/tiny/resolve/${commit}/model.onnx`, MODEL, { ranges: false });
  const client = clientOf([origin.origin]);
  const at = { repo: TINY, commit };
  const head = await client.read(at, "model.onnx", { range: { start: 0, end: 10 } });
  expect(Buffer.compare(head, MODEL.subarray(0, 10))).toBe(0);
  const later = await failure(client.read(at, "model.onnx", { range: { start: 10, end: 9000 } }));
  expect(later.code).toBe("RANGE_MISMATCH");
});

test("read() refuses a file that is longer than it may be", async () => {
  const error = await failure(
    clientOf([hub.endpoint]).read({ repo: TINY, commit }, "model.onnx", { bytesMax: 4999 }),
  );
  expect(error.code).toBe("HUB_ANSWER");
});

test("scan() ends with the reason of its signal", async () => {
  await using origin = await startOrigin();
  const reason = new Error("enough");
  const over = new AbortController();
  origin.on("/api/models/acme/tiny/revision/main", (exchange) => {
    over.abort(reason);
    return exchange.stall();
  });
  const ended = clientOf([origin.origin, hub.endpoint]).scan(TINY, "main", over.signal).catch((
    error: unknown,
  ) => error);
  expect(await ended).toBe(reason);
  expect(hub.requests).toEqual([]);
});

test.each([
  "",
  "a/b/c",
  "../x",
  "a/..",
  ".hidden",
  "a b",
  "a/",
  "/a",
  "a%2fb",
  "datasets/",
  `${"x".repeat(97)}`,
])(
  "%j is no name of a repository",
  (name) => {
    let code: unknown;
    try {
      parseRepoName(name);
    } catch (error) {
      code = error instanceof Error && "code" in error ? error.code : error;
    }
    expect(code).toBe("BAD_NAME");
  },
);

test.each(["", "..", "a..b", "a b", "a\nb", "/main", "x".repeat(256), "a^", "a?b"])(
  "%j is no revision",
  async (revision) => {
    const error = await failure(clientOf(["https://hub.example"]).scan(TINY, revision));
    expect([error.code, error.field]).toEqual(["BAD_NAME", "revision"]);
  },
);

test.each([[[]], [["hub.example"]], [["ftp://hub.example"]], [["https://user:pw@hub.example"]], [[
  "https://hub.example/?a=b",
]]])(
  "%j are no endpoints",
  (endpoints) => {
    let code: unknown;
    try {
      clientOf(endpoints);
    } catch (error) {
      code = error instanceof Error && "code" in error ? error.code : error;
      expect(String(error)).not.toContain("pw");
    }
    expect(code).toBe("CONFIG");
  },
);
