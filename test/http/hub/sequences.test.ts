import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { digestOf } from "../../helpers/digest.ts";
import { pseudoRandomBytes } from "../../helpers/pseudo-random.ts";
import { addVersion, gitOidOf, type HubRunning, hubRunning } from "./setup.ts";

// Clients that cannot be run here, by the requests that their sources make and what they do with the answers.

const COMMIT = "fedcba9876543210fedcba9876543210fedcba98";
const MIB = 1024 * 1024;
const LARGE = pseudoRandomBytes(11, 22 * MIB + 5);
const FILES = {
  "README.md": { bytes: "# tiny", inGit: true },
  "config.json": { bytes: "{}\n", inGit: true },
  "empty.txt": { bytes: "", inGit: true },
  "tiny-Q4_K_M.gguf": { bytes: LARGE },
};
const GGUF = "tiny-Q4_K_M.gguf";
let hub: HubRunning;

beforeAll(async () => {
  hub = await hubRunning();
  await addVersion(hub.larder, { model: "acme/tiny", version: COMMIT, files: FILES });
});
afterAll(() => hub[Symbol.asyncDispose]());

function ask(method: string, target: string, headers: Record<string, string> = {}): Promise<Response> {
  return hub.fetch(target, { method, headers });
}

// deno-lint-ignore no-explicit-any -- what a test expects of it is the test's to say
async function jsonOf(target: string, headers: Record<string, string> = {}): Promise<any> {
  const response = await ask("GET", target, headers);
  expect(response.status).toBe(200);
  return await response.json();
}

/** Reads so many bytes and hangs up. */
async function readSome(response: Response, bytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    parts.push(part);
    length += part.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(parts).subarray(0, bytes);
}

describe("huggingface_hub (Python)", () => {
  const headers = {
    "user-agent": "unknown/None; hf_hub/1.29.0; python/3.12",
    "x-amzn-trace-id": crypto.randomUUID(),
    "authorization": "Bearer hf_ofSomebodyAtTheHub",
  };

  /** `get_hf_file_metadata`: no redirect is followed, and nothing may be missing. */
  async function metadataOf(revision: string, path: string) {
    const target = `/acme/tiny/resolve/${encodeURIComponent(revision)}/${path}`;
    const response = await ask("HEAD", target, { ...headers, "accept-encoding": "identity" });
    expect(response.status).toBe(200);
    expect(response.headers.has("location")).toBe(false);
    const etag = (response.headers.get("x-linked-etag") ?? response.headers.get("etag"))?.replace(
      /^W\/|"/g,
      "",
    );
    const size = Number(response.headers.get("x-linked-size") ?? response.headers.get("content-length"));
    return { commit: response.headers.get("x-repo-commit"), etag, size, target };
  }

  test("hf_hub_download: HEAD, then GET; the tag names the blob", async () => {
    const small = await metadataOf("main", "config.json");
    expect(small).toMatchObject({ commit: COMMIT, etag: gitOidOf("{}\n"), size: 3 });
    const large = await metadataOf("main", GGUF);
    expect(large).toMatchObject({ commit: COMMIT, etag: digestOf(LARGE), size: LARGE.length });
    const response = await ask("GET", large.target, headers);
    expect(response.headers.get("content-length")).toBe(String(LARGE.length));
    expect(digestOf(await response.bytes())).toBe(digestOf(LARGE));
    expect((await metadataOf("main", "empty.txt")).size).toBe(0);
  });

  test("snapshot_download: revision, tree at its commit, HEAD and GET of each file", async () => {
    const { sha, siblings } = await jsonOf("/api/models/acme/tiny/revision/main", headers);
    expect(sha).toBe(COMMIT);
    expect(siblings.map(({ rfilename }: { rfilename: string }) => rfilename)).toEqual(Object.keys(FILES));
    for (const [yes, no] of [["true", "false"], ["True", "False"]]) {
      const tree = await jsonOf(`/api/models/acme/tiny/tree/${sha}?recursive=${yes}&expand=${no}`, headers);
      const files = tree.filter(({ type }: { type: string }) => type === "file");
      for (const { path, size, oid, lfs } of files) {
        const { etag, size: told } = await metadataOf(sha, path);
        expect([told, etag]).toEqual([size, lfs?.oid ?? oid]);
        if (lfs) expect([lfs.size, lfs.pointerSize]).toEqual([size, expect.any(Number)]);
      }
    }
  });

  test("a cut is continued from the last whole chunk, by this and by older releases", async () => {
    const { target } = await metadataOf(COMMIT, GGUF);
    for (const from of [10 * MIB, 15_000_000]) {
      const first = await readSome(await ask("GET", target, headers), from);
      const rest = await ask("GET", target, { ...headers, range: `bytes=${from}-` });
      // Older releases append whatever comes.
      expect(rest.status).toBe(206);
      expect(digestOf(Buffer.concat([first, await rest.bytes()]))).toBe(digestOf(LARGE));
    }
  });

  test("HfFileSystem reads blocks, get_safetensors_metadata a head", async () => {
    const block = await ask("GET", `/acme/tiny/resolve/main/${GGUF}`, {
      ...headers,
      range: "bytes=100000-199999",
    });
    expect(digestOf(await block.bytes())).toBe(digestOf(LARGE.slice(100_000, 200_000)));
    const head = await ask("GET", `/acme/tiny/resolve/main/${GGUF}`, { ...headers, range: "bytes=0-100000" });
    expect((await head.bytes()).length).toBe(100_001);
  });

  test("what transformers probes for is missing in the way that it is noted", async () => {
    const templates = await ask(
      "GET",
      "/api/models/acme/tiny/tree/main/additional_chat_templates?recursive=false",
    );
    expect([templates.status, templates.headers.get("x-error-code")]).toEqual([404, "EntryNotFound"]);
    const adapter = await ask("HEAD", "/acme/tiny/resolve/main/adapter_config.json", headers);
    expect([adapter.status, adapter.headers.get("x-error-code"), adapter.headers.get("x-repo-commit")])
      .toEqual([404, "EntryNotFound", COMMIT]);
    expect((await ask("GET", "/api/agent-harnesses", headers)).status).toBe(404);
  });

  test("get_paths_info sends a form, list_repo_refs and model_info read all that they index", async () => {
    const response = await hub.fetch("/api/models/acme/tiny/paths-info/main", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: `paths=${GGUF}&paths=absent&expand=True`,
    });
    const [entry, ...others] = await response.json() as { lastCommit: object; securityFileStatus: object }[];
    expect(others).toEqual([]);
    expect(Object.keys(entry?.lastCommit ?? {})).toEqual(["id", "title", "date"]);
    expect(Object.keys(entry?.securityFileStatus ?? {})).toEqual(["status", "avScan", "pickleImportScan"]);
    const refs = await jsonOf("/api/models/acme/tiny/refs?include_prs=1");
    expect(Object.keys(refs)).toEqual(["branches", "converts", "tags", "pullRequests"]);
    const { siblings } = await jsonOf("/api/models/acme/tiny?blobs=true&securityStatus=true");
    expect(siblings[3].lfs).toMatchObject({ sha256: digestOf(LARGE), size: LARGE.length });
  });
});

describe("llama.cpp", () => {
  test("-hf: refs, tree at the commit, HEAD, GET, and the rest after a cut", async () => {
    const { branches } = await jsonOf("/api/models/acme/tiny/refs");
    const main = branches.find(({ name }: { name: string }) => name === "main");
    const tree = await jsonOf(`/api/models/acme/tiny/tree/${main.targetCommit}?recursive=true`);
    const file = tree.find(({ path }: { path: string }) => path.endsWith(".gguf"));
    expect(file.lfs.oid).toBe(digestOf(LARGE));
    const target = `/acme/tiny/resolve/${main.targetCommit}/${file.path}`;
    const head = await ask("HEAD", target);
    expect([head.status, head.headers.get("accept-ranges")]).toEqual([200, "bytes"]);
    expect(head.headers.get("content-length")).toBe(String(LARGE.length));
    expect(head.headers.get("etag")).toBe(`"${digestOf(LARGE)}"`);
    const first = await readSome(await ask("GET", target), 1_000_000);
    const rest = await ask("GET", target, { range: "bytes=1000000-" });
    expect(rest.status).toBe(206);
    expect(digestOf(Buffer.concat([first, await rest.bytes()]))).toBe(digestOf(LARGE));
  });

  test("node-llama-cpp: manifest, a look at the length, then ranges side by side", async () => {
    const { ggufFile } = await jsonOf("/v2/acme/tiny/manifests/Q4_K_M", { "user-agent": "llama-cpp" });
    expect(ggufFile).toEqual({ rfilename: GGUF, blobId: `sha256:${digestOf(LARGE)}`, size: LARGE.length });
    const target = `/acme/tiny/resolve/main/${ggufFile.rfilename}?download=true`;
    const look = await ask("GET", target);
    expect(look.headers.get("content-length")).toBe(String(LARGE.length));
    await look.body?.cancel();
    const starts = Array.from({ length: Math.ceil(LARGE.length / (5 * MIB)) }, (_, at) => at * 5 * MIB);
    const parts = await Promise.all(starts.map(async (start) => {
      const response = await ask("GET", target, { range: `bytes=${start}-${start + 5 * MIB - 1}` });
      expect(response.status).toBe(206);
      return await response.bytes();
    }));
    expect(digestOf(Buffer.concat(parts))).toBe(digestOf(LARGE));
  });
});

describe("hf-hub (Rust)", () => {
  test("0.5: a probe of one byte, then a range from the start, its status unseen", async () => {
    const { sha, siblings } = await jsonOf("/api/models/acme/tiny/revision/refs%2Fheads%2Fmain");
    expect([sha, siblings.length]).toEqual([COMMIT, 4]);
    for (const [path, { bytes }] of Object.entries(FILES)) {
      const target = `/acme/tiny/resolve/main/${path}`;
      const probe = await ask("GET", target, { range: "bytes=0-0" });
      expect(probe.headers.get("x-repo-commit")).toBe(COMMIT);
      // Only the quotes are taken off before it becomes a path.
      expect((probe.headers.get("x-linked-etag") ?? probe.headers.get("etag"))?.replaceAll('"', "")).toMatch(
        /^[0-9a-f]+$/,
      );
      expect(Number(probe.headers.get("content-range")?.split("/").at(-1))).toBe(bytes.length);
      await probe.body?.cancel();
      const download = await ask("GET", target, { range: "bytes=0-" });
      expect(digestOf(await download.bytes())).toBe(digestOf(bytes));
    }
  });

  test("1.0: HEAD with the tag that it has is 304", async () => {
    const target = "/acme/tiny/resolve/main/config.json";
    const etag = (await ask("HEAD", target)).headers.get("etag") ?? "";
    const again = await ask("HEAD", target, { "if-none-match": etag });
    expect([again.status, again.headers.get("x-repo-commit")]).toEqual([304, COMMIT]);
  });
});

test("transformers.js: takes 200 only, learns by ranges what is there, and 404 is missing", async () => {
  expect((await ask("GET", "/acme/tiny/resolve/main/config.json")).status).toBe(200);
  const found = await Promise.all(
    ["config.json", GGUF, "onnx/model_q4.onnx"].map((path) =>
      ask("GET", `/acme/tiny/resolve/main/${path}`, { range: "bytes=0-0" })
    ),
  );
  expect(found.map(({ status }) => status)).toEqual([206, 206, 404]);
});
