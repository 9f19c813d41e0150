import { afterAll, beforeAll, beforeEach, expect, spyOn, test } from "bun:test";
import {
  checkRepoAccess,
  downloadFile,
  fileDownloadInfo,
  fileExists,
  HubApiError,
  listFiles,
  modelInfo,
  parseSafetensorsMetadata,
  pathsInfo,
  snapshotDownload,
  whoAmI,
} from "@huggingface/hub";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "./digest.ts";
import { type Hub, type Repository, startHub } from "./hub.ts";
import { tinyGguf, tinySafetensors } from "./model-files.ts";
import { pseudoRandomBytes } from "./pseudo-random.ts";
import { tempFolder } from "./temp-folder.ts";

const TOKEN = "hf_ofSomebodyWhoMayReadEverything";
const LARGE = pseudoRandomBytes(3, 1_200_000);
const GGUF = tinyGguf();
let hub: Hub;
let tiny: Repository;
let commit: string;

beforeAll(async () => {
  hub = await startHub({
    pageFiles: 3,
    tokens: { [TOKEN]: { name: "jo", grants: ["acme/private", "acme/gated"] } },
  });
  tiny = hub.repository({ id: "acme/tiny", pipelineTask: "text-generation", license: "mit" });
  commit = tiny.commit({
    "config.json": "{}\n",
    "a name with spaces & é.txt": "odd",
    "model.gguf": GGUF,
    "onnx/data.dat": LARGE,
    "onnx/deep/er/x.txt": "x",
    "weights.safetensors": tinySafetensors({ tensors: { w: { dtype: "F16", shape: [3, 5] } } }),
  });
  for (const id of ["acme/private", "acme/gated"]) {
    const repo = hub.repository({ id, ...(id.endsWith("d") ? { gated: "auto" } : { private: true }) });
    repo.commit({ "config.json": "{}", "model.gguf": GGUF });
  }
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

function at(repo?: string, accessToken?: string) {
  return {
    repo: repo ?? "acme/tiny",
    hubUrl: hub.endpoint,
    ...(accessToken === undefined ? {} : { accessToken }),
  };
}

async function statusOf(work: Promise<unknown>): Promise<number | undefined> {
  const error = await work.then(() => undefined, (error: unknown) => error);
  return error instanceof HubApiError ? error.statusCode : undefined;
}

test("listFiles() finds every file and folder, over three pages", async () => {
  const entries = await Array.fromAsync(listFiles({ ...at(), recursive: true }));
  expect(entries.map(({ type, path, size }) => [type, path, size])).toEqual([
    ["file", "a name with spaces & é.txt", 3],
    ["file", "config.json", 3],
    ["file", "model.gguf", GGUF.length],
    ["directory", "onnx", 0],
    ["file", "onnx/data.dat", 1_200_000],
    ["directory", "onnx/deep", 0],
    ["directory", "onnx/deep/er", 0],
    ["file", "onnx/deep/er/x.txt", 1],
    ["file", "weights.safetensors", 8 + 64 + 30],
  ]);
  expect(entries.find((one) => one.path === "model.gguf")?.lfs?.oid).toBe(digestOf(GGUF));
  expect(hub.listingRequests().map((one) => [one.path, one.status])).toEqual(
    new Array(3).fill(["/api/models/acme/tiny/tree/main", 200]),
  );
});

test("listFiles() of a folder, not recursive", async () => {
  const entries = await Array.fromAsync(listFiles({ ...at(), path: "onnx" }));
  expect(entries.map(({ path }) => path)).toEqual(["onnx/data.dat", "onnx/deep"]);
  expect(await statusOf(Array.fromAsync(listFiles({ ...at(), path: "absent" })))).toBe(404);
});

test("fileDownloadInfo() learns size and tag of a small file through the 307, of a large one from the CDN", async () => {
  const small = await fileDownloadInfo({ ...at(), path: "config.json" });
  // printf '{}\n' | git hash-object --stdin
  expect(small).toMatchObject({ size: 3, etag: '"0967ef424bce6791893e9a57bb952f80fd536e93"' });
  expect(small?.url).toStartWith(`${hub.endpoint}/api/resolve-cache/models/acme/tiny/${commit}/config.json?`);
  const large = await fileDownloadInfo({ ...at(), path: "onnx/data.dat" });
  expect(large).toMatchObject({
    size: 1_200_000,
    url: `${hub.endpoint}/acme/tiny/resolve/main/onnx/data.dat`,
  });
  expect(large?.etag).not.toContain(digestOf(LARGE));
  expect(await fileDownloadInfo({ ...at(), path: "absent" })).toBeNull();
  expect(hub.bytesSent("onnx/data.dat")).toBe(1);
});

test("downloadFile() gets small and large files, whole and in part", async () => {
  expect(await (await downloadFile({ ...at(), path: "config.json" }))?.text()).toBe("{}\n");
  expect(await (await downloadFile({ ...at(), path: "a name with spaces & é.txt" }))?.text()).toBe("odd");
  const large = await downloadFile({ ...at(), path: "onnx/data.dat" });
  expect(digestOf(new Uint8Array(await large!.arrayBuffer()))).toBe(digestOf(LARGE));
  const part = new Uint8Array(await large!.slice(1_000_000, 1_000_016).arrayBuffer());
  expect(part).toEqual(LARGE.slice(1_000_000, 1_000_016));
  expect(hub.bytesSent("onnx/data.dat", "acme/tiny")).toBe(1 + 1_200_000 + 16);
  expect(await (await downloadFile({ ...at(), path: "model.gguf", raw: true }))?.text()).toContain(
    `oid sha256:${digestOf(GGUF)}\n`,
  );
});

test("modelInfo() asks for HEAD and gets main", async () => {
  const info = await modelInfo({
    name: "acme/tiny",
    hubUrl: hub.endpoint,
    additionalFields: ["sha", "tags", "filePaths", "cardData"],
  });
  expect(info).toMatchObject({
    name: "acme/tiny",
    private: false,
    gated: false,
    task: "text-generation",
    sha: commit,
    tags: ["license:mit"],
    cardData: { license: "mit" },
  });
  expect(info.filePaths).toHaveLength(6);
  expect(hub.requests[0]?.path).toEndWith("/revision/HEAD");
});

test("pathsInfo() leaves out what is not there, fileExists() and whoAmI() know", async () => {
  const paths = ["config.json", "absent", "onnx"];
  const entries = await pathsInfo({ ...at(), paths, expand: true });
  expect(entries.map(({ path, type, lastCommit }) => [path, type, lastCommit.id])).toEqual([
    ["config.json", "file", commit],
    ["onnx", "directory", commit],
  ]);
  expect(await fileExists({ ...at(), path: "onnx/data.dat" })).toBe(true);
  expect(await fileExists({ ...at(), path: "absent" })).toBe(false);
  expect((await whoAmI({ hubUrl: hub.endpoint, accessToken: TOKEN })).name).toBe("jo");
});

test("snapshotDownload() fills a cache whose blobs have the right digests", async () => {
  using _quiet = spyOn(console, "debug").mockImplementation(() => {});
  await using cache = await tempFolder();
  const folder = await snapshotDownload({ ...at(), cacheDir: cache.path });
  expect(folder).toBe(join(cache.path, "models--acme--tiny", "snapshots", commit));
  const data = await Bun.file(join(folder, "onnx/data.dat")).bytes();
  expect(digestOf(data)).toBe(digestOf(LARGE));
  expect(await readdir(join(cache.path, "models--acme--tiny", "blobs"))).toContain(digestOf(GGUF));
  expect(await Bun.file(join(cache.path, "models--acme--tiny", "refs/main")).text()).toBe(commit);
});

test("the client reads the header of tinySafetensors() by range", async () => {
  const { header } = await parseSafetensorsMetadata({ ...at(), path: "weights.safetensors" }) as {
    header: unknown;
  };
  expect(header).toEqual({ w: { dtype: "F16", shape: [3, 5], data_offsets: [0, 30] } });
});

test("a token opens private and gated repositories, and never comes to the CDN", async () => {
  for (const repo of ["acme/private", "acme/gated"]) {
    const file = await downloadFile({ ...at(repo, TOKEN), path: "model.gguf" });
    expect(digestOf(new Uint8Array(await file!.arrayBuffer()))).toBe(digestOf(GGUF));
  }
  expect(hub.requests.filter((one) => one.at === "cdn").length).toBe(4);
  expect(hub.leakedTokens).toEqual([]);
  expect(await statusOf(downloadFile({ ...at("acme/gated"), path: "model.gguf" }))).toBe(401);
  expect(await statusOf(checkRepoAccess(at("acme/private")))).toBe(401);
  expect(await statusOf(checkRepoAccess(at("acme/absent", TOKEN)))).toBe(404);
  expect(await statusOf(checkRepoAccess(at("acme/gated")))).toBeUndefined();
});
