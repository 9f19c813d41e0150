import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { gguf } from "@huggingface/gguf";
import {
  checkRepoAccess,
  downloadFile,
  fileDownloadInfo,
  fileExists,
  HubApiError,
  listFiles,
  listModels,
  modelInfo,
  parseSafetensorsMetadata,
  pathsInfo,
  repoExists,
  snapshotDownload,
} from "@huggingface/hub";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "../../helpers/digest.ts";
import { tinyGguf, tinySafetensors } from "../../helpers/model-files.ts";
import { pseudoRandomBytes } from "../../helpers/pseudo-random.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { testWith } from "../../helpers/tools.ts";
import { addVersion, gitOidOf, type HubRunning, hubRunning } from "./setup.ts";

const COMMIT = "89abcdef0123456789abcdef0123456789abcdef";
const LARGE = pseudoRandomBytes(3, 1_200_000);
const GGUF = tinyGguf();
const FILES = {
  "a name with spaces & é.txt": { bytes: "odd", inGit: true },
  "config.json": { bytes: "{}\n", inGit: true },
  "empty.txt": { bytes: "", inGit: true },
  "model.gguf": { bytes: GGUF },
  "onnx/data.dat": { bytes: LARGE },
  "onnx/deep/er/x.txt": { bytes: "x", inGit: true },
  "weights.safetensors": { bytes: tinySafetensors({ tensors: { w: { dtype: "F16", shape: [3, 5] } } }) },
};
let hub: HubRunning;

beforeAll(async () => {
  hub = await hubRunning();
  await addVersion(hub.larder, { model: "acme/tiny", version: COMMIT, files: FILES });
  await addVersion(hub.larder, {
    model: "datasets/acme/texts",
    version: "1.0.0",
    files: { "t.csv": { bytes: "a,b" } },
  });
});
afterAll(() => hub[Symbol.asyncDispose]());

const at = (repo = "acme/tiny") => ({ repo, hubUrl: hub.url });

async function statusOf(work: Promise<unknown>): Promise<number | undefined> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  return error instanceof HubApiError ? error.statusCode : undefined;
}

describe("@huggingface/hub", () => {
  test("listFiles() finds every file and folder", async () => {
    const entries = await Array.fromAsync(listFiles({ ...at(), recursive: true }));
    expect(entries.map(({ type, path, size }) => [type, path, size])).toEqual([
      ["file", "a name with spaces & é.txt", 3],
      ["file", "config.json", 3],
      ["file", "empty.txt", 0],
      ["file", "model.gguf", GGUF.length],
      ["directory", "onnx", 0],
      ["file", "onnx/data.dat", 1_200_000],
      ["directory", "onnx/deep", 0],
      ["directory", "onnx/deep/er", 0],
      ["file", "onnx/deep/er/x.txt", 1],
      ["file", "weights.safetensors", FILES["weights.safetensors"].bytes.length],
    ]);
    expect(entries.find((one) => one.path === "model.gguf")?.lfs?.oid).toBe(digestOf(GGUF));
    const below = await Array.fromAsync(listFiles({ ...at(), path: "onnx" }));
    expect(below.map(({ path }) => path)).toEqual(["onnx/data.dat", "onnx/deep"]);
    expect(await statusOf(Array.fromAsync(listFiles({ ...at(), path: "absent" })))).toBe(404);
  });

  test("fileDownloadInfo() learns size and tag at one address, also of an empty file", async () => {
    expect(await fileDownloadInfo({ ...at(), path: "config.json" })).toEqual({
      size: 3,
      // printf '{}\n' | git hash-object --stdin
      etag: '"0967ef424bce6791893e9a57bb952f80fd536e93"',
      xet: undefined,
      url: `${hub.url}/acme/tiny/resolve/main/config.json`,
    } as never);
    const large = await fileDownloadInfo({ ...at(), path: "onnx/data.dat" });
    expect(large).toMatchObject({ size: 1_200_000, etag: `"${digestOf(LARGE)}"` });
    expect(await fileDownloadInfo({ ...at(), path: "empty.txt" })).toMatchObject({ size: 0 });
    expect(await fileDownloadInfo({ ...at(), path: "absent" })).toBeNull();
  });

  test("downloadFile() gets files whole, in part, and as pointers", async () => {
    expect(await (await downloadFile({ ...at(), path: "config.json" }))?.text()).toBe("{}\n");
    expect(await (await downloadFile({ ...at(), path: "a name with spaces & é.txt" }))?.text()).toBe("odd");
    expect(await (await downloadFile({ ...at(), path: "empty.txt" }))?.text()).toBe("");
    const large = await downloadFile({ ...at(), path: "onnx/data.dat" });
    expect(digestOf(new Uint8Array(await large!.arrayBuffer()))).toBe(digestOf(LARGE));
    const part = new Uint8Array(await large!.slice(1_000_000, 1_000_016).arrayBuffer());
    expect(part).toEqual(LARGE.slice(1_000_000, 1_000_016));
    expect(await (await downloadFile({ ...at(), path: "model.gguf", raw: true }))?.text())
      .toContain(`oid sha256:${digestOf(GGUF)}\n`);
  });

  test("modelInfo() asks for HEAD and gets main", async () => {
    const info = await modelInfo({
      name: "acme/tiny",
      hubUrl: hub.url,
      additionalFields: ["sha", "filePaths"],
    });
    expect(info).toMatchObject({ name: "acme/tiny", private: false, gated: false, sha: COMMIT });
    expect(info.filePaths).toEqual(Object.keys(FILES));
    expect(info.updatedAt.toISOString()).toBe("2023-11-14T22:13:20.000Z");
  });

  test("listModels() finds by name", async () => {
    const found = await Array.fromAsync(
      listModels({ hubUrl: hub.url, search: { query: "Tiny", owner: "acme" } }),
    );
    expect(found.map(({ name }) => name)).toEqual(["acme/tiny"]);
  });

  test("pathsInfo(), fileExists(), repoExists() and checkRepoAccess() know what is there", async () => {
    const entries = await pathsInfo({ ...at(), paths: ["config.json", "absent", "onnx"], expand: true });
    expect(entries.map(({ path, type, lastCommit }) => [path, type, lastCommit.id])).toEqual([
      ["config.json", "file", COMMIT],
      ["onnx", "directory", COMMIT],
    ]);
    expect(await fileExists({ ...at(), path: "onnx/data.dat" })).toBe(true);
    expect(await fileExists({ ...at(), path: "absent" })).toBe(false);
    expect(await repoExists(at())).toBe(true);
    expect(await repoExists(at("acme/none"))).toBe(false);
    expect(await statusOf(checkRepoAccess(at()))).toBeUndefined();
    expect(await statusOf(checkRepoAccess(at("acme/none")))).toBe(404);
  });

  test("snapshotDownload() fills a cache with every file, blobs named by their tags", async () => {
    using _quiet = spyOn(console, "debug").mockImplementation(() => {});
    await using cache = await tempFolder();
    const folder = await snapshotDownload({ ...at(), cacheDir: cache.path });
    expect(folder).toBe(join(cache.path, "models--acme--tiny", "snapshots", COMMIT));
    for (const [path, { bytes }] of Object.entries(FILES)) {
      expect(digestOf(await Bun.file(join(folder, path)).bytes())).toBe(digestOf(bytes));
    }
    const blobs = await readdir(join(cache.path, "models--acme--tiny", "blobs"));
    expect(blobs).toContain(digestOf(LARGE));
    expect(blobs).toContain(gitOidOf("{}\n"));
    expect(await Bun.file(join(cache.path, "models--acme--tiny", "refs/main")).text()).toBe(COMMIT);
  });

  test("snapshotDownload() of a dataset whose version no hub named", async () => {
    using _quiet = spyOn(console, "debug").mockImplementation(() => {});
    await using cache = await tempFolder();
    const folder = await snapshotDownload({ ...at("datasets/acme/texts"), cacheDir: cache.path });
    expect(await Bun.file(join(folder, "t.csv")).text()).toBe("a,b");
  });

  test("parseSafetensorsMetadata() reads the header by range", async () => {
    const metadata = await parseSafetensorsMetadata({ ...at(), path: "weights.safetensors" });
    expect(metadata).toMatchObject({ header: { w: { dtype: "F16", shape: [3, 5], data_offsets: [0, 30] } } });
  });

  test("an error's message is what the body says", async () => {
    const error = await modelInfo({ name: "acme/none", hubUrl: hub.url }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ statusCode: 404, data: { error: "Repository not found" } });
  });
});

test("@huggingface/gguf reads the header by range", async () => {
  const { metadata } = await gguf(`${hub.url}/acme/tiny/resolve/main/model.gguf`);
  expect(metadata["general.architecture"]).toBe("llama");
});

describe("curl", () => {
  const url = (path: string) => `${hub.url}/acme/tiny/resolve/main/${path}`;

  async function curl(...args: string[]): Promise<{ code: number; output: string }> {
    const child = Bun.spawn(["curl", "-sS", "--fail", "-L", ...args], { stdout: "pipe", stderr: "pipe" });
    const [output, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    return { code, output };
  }

  testWith(["curl"], "downloads, with compression offered", async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "data.dat");
    expect(await curl("--compressed", "-o", path, url("onnx/data.dat"))).toMatchObject({ code: 0 });
    expect(digestOf(await Bun.file(path).bytes())).toBe(digestOf(LARGE));
  });

  testWith(["curl"], "goes on where it stopped", async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "data.dat");
    await Bun.write(path, LARGE.slice(0, 400_000));
    const { code, output } = await curl(
      "-C",
      "-",
      "-w",
      "%{http_code} %{size_download}",
      "-o",
      path,
      url("onnx/data.dat"),
    );
    expect([code, output]).toEqual([0, "206 800000"]);
    expect(digestOf(await Bun.file(path).bytes())).toBe(digestOf(LARGE));
  });

  testWith(["curl"], "takes nothing when it has the tag already", async () => {
    await using folder = await tempFolder();
    const [path, etag] = [join(folder.path, "config.json"), join(folder.path, "etag")];
    const ask = () =>
      curl("--etag-save", etag, "--etag-compare", etag, "-w", "%{http_code}", "-o", path, url("config.json"));
    expect((await ask()).output).toBe("200");
    expect((await ask()).output).toBe("304");
  });

  testWith(["curl"], "-I shows the length of the file", async () => {
    const { output } = await curl("-I", url("onnx/data.dat"));
    expect(output.toLowerCase()).toContain("content-length: 1200000");
    expect(output.toLowerCase()).toContain("accept-ranges: bytes");
  });
});
