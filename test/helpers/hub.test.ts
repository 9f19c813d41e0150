import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { digestOf } from "./digest.ts";
import { type Hub, type Repository, startHub } from "./hub.ts";
import { pseudoRandomBytes } from "./pseudo-random.ts";
import { tempFolder } from "./temp-folder.ts";
import { join } from "node:path";

const LARGE = pseudoRandomBytes(5, 3_000_000);
let hub: Hub;
let repo: Repository;
let first: string;

beforeAll(async () => {
  hub = await startHub();
  repo = hub.repository({
    id: "acme/tiny",
    libraryName: "transformers",
    license: "mit",
    tags: ["tiny"],
    pipelineTask: "text-generation",
  });
  first = repo.commit({ "README.md": "hello\n", "model.gguf": "hello\n", "weights.dat": LARGE });
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

/** Without following redirects. */
function get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  const url = path.startsWith("http") ? path : hub.endpoint + path;
  return fetch(url, { method, headers, redirect: "manual" });
}

// deno-lint-ignore no-explicit-any -- what a test expects of it is the test's to say
async function json(path: string): Promise<any> {
  return await (await get(path)).json();
}

async function location(path: string): Promise<string> {
  const response = await get(path);
  await response.text();
  return response.headers.get("Location") ?? "";
}

test("digests are those of git and LFS", async () => {
  const [readme, gguf, weights] = await json("/api/models/acme/tiny/tree/main");
  // git hash-object of the content; of the pointer text, 126 bytes long, that holds its SHA-256
  expect(readme).toEqual({
    type: "file",
    oid: "ce013625030ba8dba906f756967f9e9ca394464a",
    size: 6,
    path: "README.md",
  });
  expect(gguf).toMatchObject({
    oid: "fa61e1ef71c9908c0926776a4aa3504b3a27f159",
    size: 6,
    lfs: {
      oid: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
      size: 6,
      pointerSize: 126,
    },
  });
  expect(gguf.xetHash).toMatch(/^[0-9a-f]{64}$/);
  expect(weights.lfs.oid).toBe(digestOf(LARGE));
  const { siblings } = await json("/api/models/acme/tiny?blobs=true");
  expect(siblings[1]).toEqual({
    rfilename: "model.gguf",
    size: 6,
    blobId: gguf.oid,
    lfs: { sha256: gguf.lfs.oid, size: 6, pointerSize: 126 },
  });
});

test("a file on disk is hashed when somebody asks, not when it is committed", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "big");
  await Bun.write(path, LARGE);
  const onDisk = hub.repository({ id: "acme/disk" });
  onDisk.commit({ "big.bin": Bun.file(path), "also.bin": new Blob([LARGE]) });
  const [also, big] = await json("/api/models/acme/disk/tree/main");
  expect([big.lfs.oid, also.lfs.oid]).toEqual([digestOf(LARGE), digestOf(LARGE)]);
  const body = await (await get(await location(onDisk.resolvePath("big.bin")))).bytes();
  expect(digestOf(body)).toBe(digestOf(LARGE));
});

test("lfsBytes and lfsEndings decide what is in LFS, xet what is said of it", async () => {
  await using other = await startHub({ lfsBytes: 10, lfsEndings: [], xet: false });
  other.repository({ id: "a/b" }).commit({ "x.gguf": "123456789", "y.txt": "0123456789" });
  const [x, y] = await json(`${other.endpoint}/api/models/a/b/tree/main`);
  expect([x.lfs, y.lfs.size, y.xetHash]).toEqual([undefined, 10, undefined]);
  const response = await get(`${other.endpoint}/a/b/resolve/main/y.txt`);
  expect([response.headers.get("X-Xet-Hash"), response.headers.get("Link")]).toEqual([null, null]);
});

test("info says what is known of a repository, expand only what it names", async () => {
  expect(await json("/api/models/acme/tiny")).toMatchObject({
    id: "acme/tiny",
    sha: first,
    pipeline_tag: "text-generation",
    library_name: "transformers",
    tags: ["transformers", "tiny", "license:mit"],
    cardData: { license: "mit" },
    gated: false,
    private: false,
    disabled: false,
    siblings: [{ rfilename: "README.md" }, { rfilename: "model.gguf" }, { rfilename: "weights.dat" }],
  });
  const some = await json("/api/models/acme/tiny/revision/main?expand=sha&expand=gated");
  expect(Object.keys(some).sort()).toEqual(["_id", "gated", "id", "sha"]);
});

test("a small file: 307 to an address of the commit, there 200 with git's digest as tag", async () => {
  const moved = await get("/acme/tiny/resolve/main/README.md?download=true");
  expect([moved.status, moved.headers.get("X-Repo-Commit")]).toEqual([307, first]);
  const to = moved.headers.get("Location") ?? "";
  expect(to).toStartWith(`/api/resolve-cache/models/acme/tiny/${first}/README.md?`);
  for (const method of ["GET", "HEAD"]) {
    const file = await get(to, {}, method);
    expect([file.status, file.headers.get("ETag"), file.headers.get("Content-Length")]).toEqual([
      200,
      '"ce013625030ba8dba906f756967f9e9ca394464a"',
      "6",
    ]);
    expect(file.headers.get("X-Repo-Commit")).toBe(first);
    expect(await file.text()).toBe(method === "GET" ? "hello\n" : "");
  }
  const etag = '"ce013625030ba8dba906f756967f9e9ca394464a"';
  expect((await get(to, { "If-None-Match": etag })).status).toBe(304);
  expect((await get(repo.resolvePath("README.md"), { "If-None-Match": etag })).status).toBe(304);
  expect(repo.cachePath("README.md")).toBe(to.split("?")[0] ?? "");
});

test("a file in LFS: 302 to the CDN with its SHA-256, whose own tag is another one", async () => {
  for (const method of ["GET", "HEAD"]) {
    const moved = await get("/acme/tiny/resolve/main/weights.dat", {}, method);
    expect([moved.status, moved.headers.get("X-Repo-Commit")]).toEqual([302, first]);
    expect(moved.headers.get("X-Linked-Etag")).toBe(`"${digestOf(LARGE)}"`);
    expect(moved.headers.get("X-Linked-Size")).toBe("3000000");
    expect(moved.headers.get("Link")).toContain('rel="xet-auth"');
    const to = moved.headers.get("Location") ?? "";
    expect(new URL(to).origin).toBe(hub.cdn.origin);
    expect(new URL(to).pathname).toBe(await repo.cdnPath("weights.dat"));
    expect((await get(repo.cachePath("weights.dat"), {}, method)).status).toBe(302);
    const file = await get(to, {}, method);
    expect(file.status).toBe(200);
    expect(file.headers.get("ETag")).toBe(`"${moved.headers.get("X-Xet-Hash")}"`);
    expect(file.headers.get("Content-Length")).toBe("3000000");
  }
});

test("both honour ranges: 206, 416, and If-Range with their own tag", async () => {
  for (const path of [repo.cachePath("README.md"), await location(repo.resolvePath("weights.dat"))]) {
    const part = await get(path, { Range: "bytes=1-3" });
    expect([part.status, (await part.bytes()).length]).toEqual([206, 3]);
    const etag = part.headers.get("ETag") ?? "";
    expect((await get(path, { Range: "bytes=1-3", "If-Range": etag })).status).toBe(206);
    expect((await get(path, { Range: "bytes=1-3", "If-Range": '"another"' })).status).toBe(200);
    const beyond = await get(path, { Range: "bytes=3000000-" });
    expect([beyond.status, beyond.headers.get("Content-Range")]).toEqual([
      416,
      `bytes */${path.startsWith("/") ? 6 : 3_000_000}`,
    ]);
  }
});

test("raw gives what git holds, the pointer of a file in LFS", async () => {
  expect(await (await get("/acme/tiny/raw/main/README.md")).text()).toBe("hello\n");
  expect(await (await get("/acme/tiny/raw/main/model.gguf")).text()).toBe(
    "version https://git-lfs.github.com/spec/v1\n" +
      "oid sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\nsize 6\n",
  );
});

test("a signed address ends at its time, or when the test says so; a changed one is none", async () => {
  let nowMs = 1_700_000_000_000;
  await using timed = await startHub({ signedForMs: 60_000, now: () => nowMs });
  const signed = timed.repository({ id: "a/b" });
  signed.commit({ "m.gguf": "x" });
  const sign = async () =>
    (await get(timed.endpoint + signed.resolvePath("m.gguf"))).headers.get("Location") ?? "";
  const address = await sign();
  expect(address).toMatch(/\?Expires=1700000060&Signature=[0-9a-f]{64}$/);
  expect((await get(address)).status).toBe(200);
  expect((await get(address.replace(/.$/, "g"))).status).toBe(403);
  expect((await get(address.replace(/[0-9a-f]\?/, "g?"))).status).toBe(403);
  nowMs += 60_000;
  const late = await get(address);
  expect([late.status, late.headers.get("Content-Type")]).toEqual([403, "application/xml"]);
  expect(await late.text()).toContain("<Code>AccessDenied</Code>");
  const next = await sign();
  timed.expireSignatures();
  expect([(await get(next)).status, (await get(await sign())).status]).toEqual([403, 200]);
});

test("the CDN refuses an Authorization header and remembers it", async () => {
  const response = await get(await location(repo.resolvePath("model.gguf")), {
    Authorization: "Bearer hf_x",
  });
  expect([response.status, hub.leakedTokens]).toEqual([400, ["Bearer hf_x"]]);
});

test("requests are recorded in order, listings and bytes of files counted apart", async () => {
  await get("/api/models/acme/tiny/tree/main?recursive=true", { "X-Mine": "1" });
  await (await fetch(hub.endpoint + repo.resolvePath("model.gguf"))).text();
  await (await fetch(hub.endpoint + repo.resolvePath("README.md"), { headers: { Range: "bytes=0-1" } }))
    .text();
  expect(hub.requests.map(({ at, method, status }) => [at, method, status])).toEqual([
    ["hub", "GET", 200],
    ["hub", "GET", 302],
    ["cdn", "GET", 200],
    ["hub", "GET", 307],
    ["hub", "GET", 206],
  ]);
  expect(hub.requests[0]?.query.get("recursive")).toBe("true");
  expect(hub.requests[0]?.headers.get("x-mine")).toBe("1");
  expect(hub.listingRequests().length).toBe(1);
  expect([hub.bytesSent("model.gguf"), hub.bytesSent("README.md"), hub.bytesSent("absent")]).toEqual([
    6,
    2,
    0,
  ]);
  hub.reset();
  expect([hub.requests.length, hub.bytesSent("model.gguf")]).toEqual([0, 0]);
});

test("every fault of the origin works for listings, files and the CDN", async () => {
  hub.api.fault("/api/models/acme/tiny", [{ kind: "status", status: 503 }]);
  hub.api.fault(repo.resolvePath("README.md"), [{ kind: "headers", headers: { "X-Repo-Commit": null } }]);
  hub.api.fault(repo.cachePath("README.md"), [
    { kind: "flip", atByte: 0 },
    { kind: "status", status: 500, body: "sorry" },
  ]);
  hub.cdn.fault(await repo.cdnPath("weights.dat"), [{ kind: "cut", afterBytes: 1000 }]);
  const read = (path: string) => fetch(hub.endpoint + path).then((one) => one.bytes());
  expect((await get("/api/models/acme/tiny")).status).toBe(503);
  const moved = await get(repo.resolvePath("README.md"));
  expect([moved.status, moved.headers.get("X-Repo-Commit")]).toEqual([307, null]);
  expect(Buffer.from(await read(repo.resolvePath("README.md"))).toString()).toBe("iello\n");
  expect((await get(repo.cachePath("README.md"))).status).toBe(500);
  expect(hub.bytesSent("README.md")).toBe(6);
  expect(await read(repo.resolvePath("weights.dat")).catch((error: unknown) => error)).toBeInstanceOf(Error);
  expect(hub.bytesSent("weights.dat")).toBe(1000);
  expect((await read(repo.resolvePath("weights.dat"))).length).toBe(3_000_000);
  hub.api.fault("/api/models/acme/tiny", [{ kind: "status", status: 503 }]);
  hub.reset();
  expect((await get("/api/models/acme/tiny")).status).toBe(200);
});
