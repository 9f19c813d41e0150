import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseDigest } from "../../../src/core/index.ts";
import type { RepoInfo } from "../../../src/hub/types.ts";
import { startHttp } from "../../../src/http/index.ts";
import { createHubServing } from "../../../src/library/index.ts";
import { digestOf } from "../../helpers/digest.ts";
import { pseudoRandomBytes } from "../../helpers/pseudo-random.ts";
import { CONFIG } from "../setup.ts";
import { addVersion, COMMIT, gitOidOf, headOf, type HubRunning, hubRunning, pointerOf } from "./setup.ts";

const CHUNK = 5 * 1024 * 1024;
const LARGE = pseudoRandomBytes(7, 2 * CHUNK + 17);
const INFO: RepoInfo = {
  pipelineTask: "text-generation",
  libraryName: "transformers",
  tags: ["gguf", "license:mit"],
  license: "mit",
  gated: "none",
  private: false,
  lastModified: 1_690_000_000.5,
};
let hub: HubRunning;

beforeAll(async () => {
  hub = await hubRunning({ infos: { "acme/tiny": INFO } });
  const { larder } = hub;
  await addVersion(larder, {
    model: "acme/tiny",
    version: COMMIT,
    files: {
      "config.json": { bytes: "{}\n", inGit: true },
      "onnx/model.onnx": { bytes: LARGE },
      "onnx/deep/x.txt": { bytes: "x", inGit: true },
      "zz.txt": { bytes: "last", inGit: true },
    },
  });
  await larder.registry.setAlias("acme/tiny", "main", COMMIT);
  await larder.registry.setAlias("acme/tiny", "prod", COMMIT);
  await addVersion(larder, { model: "acme/named", version: "1.0.0", files: { "a.bin": { bytes: "one" } } });
  await addVersion(larder, { model: "other/Tiny-2", version: "1.0.0", files: { "a.bin": { bytes: "one" } } });
  await addVersion(larder, {
    model: "datasets/acme/texts",
    version: COMMIT,
    files: { "t.csv": { bytes: "a,b" } },
  });
  await addVersion(larder, {
    model: "spaces/acme/demo",
    version: COMMIT,
    files: { "app.py": { bytes: "run()" } },
  });
});
afterAll(() => hub[Symbol.asyncDispose]());

// deno-lint-ignore no-explicit-any -- what a test expects of it is the test's to say
async function jsonOf(target: string, init?: RequestInit): Promise<any> {
  const response = await hub.fetch(target, init);
  expect(response.headers.get("content-type")).toStartWith("application/json");
  return await response.json();
}

describe("information", () => {
  test("names commit, files, what the hub said, and that a larder answers", async () => {
    const expected = {
      id: "acme/tiny",
      modelId: "acme/tiny",
      author: "acme",
      sha: COMMIT,
      private: false,
      gated: false,
      disabled: false,
      pipeline_tag: "text-generation",
      library_name: "transformers",
      tags: ["gguf", "license:mit"],
      cardData: { license: "mit" },
      lastModified: "2023-07-22T04:26:40.500Z",
      siblings: ["config.json", "onnx/deep/x.txt", "onnx/model.onnx", "zz.txt"].map((rfilename) => ({
        rfilename,
      })),
      larder: { chunk_bytes: CHUNK, version: expect.any(String) },
    };
    expect(await jsonOf("/api/models/acme/tiny")).toMatchObject(expected);
    for (const revision of ["main", "HEAD", "prod", COMMIT, "refs%2Fheads%2Fmain", "refs/heads/main"]) {
      expect(await jsonOf(`/api/models/acme/tiny/revision/${revision}`)).toMatchObject(expected);
    }
    expect(await jsonOf("/api/models/acme%2Ftiny")).toMatchObject(expected);
  });

  test("of a model that came from elsewhere has no tags and the time of its version", async () => {
    expect(await jsonOf("/api/models/acme/named")).toMatchObject({
      tags: [],
      lastModified: "2023-11-14T22:13:20.000Z",
      sha: digestOf("1.0.0").slice(0, 40),
    });
  });

  test("with blobs=true tells size, Git's name and LFS digest of each file", async () => {
    const pointer = pointerOf(LARGE);
    const { siblings } = await jsonOf("/api/models/acme/tiny?blobs=true");
    expect(siblings).toEqual([
      { rfilename: "config.json", size: 3, blobId: gitOidOf("{}\n") },
      { rfilename: "onnx/deep/x.txt", size: 1, blobId: gitOidOf("x") },
      {
        rfilename: "onnx/model.onnx",
        size: LARGE.length,
        blobId: gitOidOf(pointer),
        lfs: { sha256: digestOf(LARGE), size: LARGE.length, pointerSize: pointer.length },
      },
      { rfilename: "zz.txt", size: 4, blobId: gitOidOf("last") },
    ]);
  });

  test("with expand holds what was named, in both spellings", async () => {
    for (const key of ["expand", "expand[]"]) {
      const info = await jsonOf(`/api/models/acme/tiny?${key}=sha&${key}=likes&${key}=whatever`);
      expect(Object.keys(info).sort()).toEqual(["_id", "id", "larder", "likes", "modelId", "sha"]);
    }
  });

  test("of datasets and spaces has their name without the prefix", async () => {
    expect(await jsonOf("/api/datasets/acme/texts")).toMatchObject({ id: "acme/texts", sha: COMMIT });
    expect(await jsonOf("/api/spaces/acme/demo/revision/main")).toMatchObject({
      id: "acme/demo",
      sha: COMMIT,
    });
    expect((await hub.fetch("/api/datasets/acme/tiny")).status).toBe(404);
  });

  test("is the same for HEAD, without its body", async () => {
    const [get, head] = await Promise.all(
      ["GET", "HEAD"].map((method) => hub.fetch("/api/models/acme/tiny", { method })),
    );
    expect(head?.headers.get("content-length")).toBe(String((await get?.bytes())?.length));
    expect(await head?.text()).toBe("");
  });
});

test("refs: main first, aliases as branches, names of versions as tags", async () => {
  expect(await jsonOf("/api/models/acme/tiny/refs")).toEqual({
    branches: [
      { name: "main", ref: "refs/heads/main", targetCommit: COMMIT },
      { name: "prod", ref: "refs/heads/prod", targetCommit: COMMIT },
    ],
    converts: [],
    tags: [],
  });
  const targetCommit = digestOf("1.0.0").slice(0, 40);
  expect(await jsonOf("/api/models/acme/named/refs?include_prs=1")).toEqual({
    branches: [{ name: "main", ref: "refs/heads/main", targetCommit }],
    converts: [],
    tags: [{ name: "1.0.0", ref: "refs/tags/1.0.0", targetCommit }],
    pullRequests: [],
  });
});

describe("the list", () => {
  const idsOf = async (query: string) => (await jsonOf(query)).map(({ id }: { id: string }) => id);

  test("has what is here of each kind, by part of a name and by owner", async () => {
    expect(await idsOf("/api/models?search=TINY")).toEqual(["acme/tiny", "other/Tiny-2"]);
    expect(await idsOf("/api/models?search=a&author=other")).toEqual([]);
    expect(await idsOf("/api/models?author=other")).toEqual(["other/Tiny-2"]);
    expect(await idsOf("/api/datasets")).toEqual(["acme/texts"]);
    expect(await idsOf("/api/datasets?search=datasets")).toEqual([]);
    expect(await idsOf("/api/spaces?search=demo")).toEqual(["acme/demo"]);
  });

  test("goes on by Link, and tells commits, and files when asked to", async () => {
    const response = await hub.fetch("/api/models?limit=1&search=acme&expand=sha");
    const link = /<([^>]+)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1] ?? "";
    const [first] = await response.json() as { id: string }[];
    const last = await fetch(link);
    const [second] = await last.json() as { id: string }[];
    expect([first?.id, second?.id, last.headers.get("link")]).toEqual(["acme/named", "acme/tiny", null]);
    expect(Object.keys(first ?? {}).sort()).toEqual(["_id", "id", "larder", "modelId", "sha"]);
    const [full] = await jsonOf("/api/models?search=acme/tiny&full=true");
    expect(full).toMatchObject({ id: "acme/tiny", sha: COMMIT });
    expect(full.siblings).toHaveLength(4);
  });
});

describe("chunk digests", () => {
  const expected = {
    sha256: digestOf(LARGE),
    size_bytes: LARGE.length,
    chunk_bytes: CHUNK,
    chunks: [LARGE.subarray(0, CHUNK), LARGE.subarray(CHUNK, 2 * CHUNK), LARGE.subarray(2 * CHUNK)].map(
      digestOf,
    ),
  };

  test("are given on both listeners, to whoever may read", async () => {
    const { larder } = hub;
    const serving = createHubServing({ registry: larder.registry });
    const api = await startHttp({ library: larder.library, serving, config: CONFIG });
    try {
      for (const base of [hub.url, api.url.origin]) {
        const response = await fetch(`${base}/api/blobs/${digestOf(LARGE)}/chunks`);
        expect(await response.json()).toEqual(expected);
        expect((await fetch(`${base}/api/blobs/${digestOf("unknown")}/chunks`)).status).toBe(404);
        expect((await fetch(`${base}/api/blobs/${digestOf("x").toUpperCase()}/chunks`)).status).toBe(400);
      }
    } finally {
      await api.stop();
    }
  });

  test("of a blob that nobody has read through are not known", async () => {
    const digest = parseDigest(digestOf("unread"));
    await hub.larder.registry.recordBlob({ digest, sizeBytes: 6 });
    expect((await hub.fetch(`/api/blobs/${digest}/chunks`)).status).toBe(404);
  });
});

test("a repository that is here may be read; one that is not, not", async () => {
  expect((await hub.fetch("/api/models/acme/tiny/auth-check")).status).toBe(200);
  const response = await hub.fetch("/api/models/acme/none/auth-check");
  expect(headOf(response)).toMatchObject({ status: 404, headers: { "x-error-code": "RepoNotFound" } });
});
