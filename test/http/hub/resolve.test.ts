import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { digestOf } from "../../helpers/digest.ts";
import { pseudoRandomBytes } from "../../helpers/pseudo-random.ts";
import { rawRequest } from "../raw-client.ts";
import { addVersion, COMMIT, gitOidOf, headOf, type HubRunning, hubRunning, pointerOf } from "./setup.ts";

const CONFIG = '{"model_type":"tiny"}\n';
const LARGE = pseudoRandomBytes(5, 700_001);
let hub: HubRunning;

beforeAll(async () => {
  hub = await hubRunning();
  const { larder } = hub;
  await addVersion(larder, {
    model: "acme/tiny",
    version: COMMIT,
    files: {
      "config.json": { bytes: CONFIG, inGit: true },
      "empty.txt": { bytes: "", inGit: true },
      "onnx/a name, é & more.txt": { bytes: "odd", inGit: true },
      "resolve/main.txt": { bytes: "not a route", inGit: true },
      "weights.gguf": { bytes: LARGE },
    },
  });
  await larder.registry.setAlias("acme/tiny", "main", COMMIT);
  await addVersion(larder, { model: "gpt2", version: "1.0.0", files: { "a.bin": { bytes: "one" } } });
  await addVersion(larder, { model: "gpt2", version: "1.1.0", files: { "a.bin": { bytes: "two" } } });
  await larder.registry.setAlias("gpt2", "stable", "1.0.0");
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

describe("a file", () => {
  test("in LFS: direct, with commit, strong quoted SHA-256, length and ranges, for HEAD as for GET", async () => {
    const expected = {
      "x-repo-commit": COMMIT,
      "etag": `"${digestOf(LARGE)}"`,
      "x-linked-etag": `"${digestOf(LARGE)}"`,
      "x-linked-size": "700001",
      "content-length": "700001",
      "accept-ranges": "bytes",
    };
    for (const method of ["HEAD", "GET"]) {
      const response = await hub.fetch("/acme/tiny/resolve/main/weights.gguf", { method });
      expect(headOf(response)).toMatchObject({ status: 200, headers: expected });
      expect(digestOf(await response.bytes())).toBe(digestOf(method === "HEAD" ? "" : LARGE));
    }
  });

  test("in Git: its ETag is Git's name of it", async () => {
    const response = await hub.fetch("/acme/tiny/resolve/main/config.json");
    expect(response.headers.get("etag")).toBe(`"${gitOidOf(CONFIG)}"`);
    expect(response.headers.get("x-linked-etag")).toBe(`"${gitOidOf(CONFIG)}"`);
    expect(await response.text()).toBe(CONFIG);
  });

  test("is never encoded, and says nothing of xet, whatever the client can take", async () => {
    const headers = { "accept-encoding": "gzip, br, zstd", accept: "application/vnd.xet-fileinfo+json, */*" };
    for (const path of ["config.json", "weights.gguf"]) {
      const response = await hub.fetch(`/acme/tiny/resolve/main/${path}`, { headers });
      expect(response.headers.has("content-encoding")).toBe(false);
      expect([...response.headers.keys()].filter((name) => /xet|link$/.test(name))).toEqual([]);
      await response.body?.cancel();
    }
  });

  test("may be asked for with a query, and by a name that needs encoding", async () => {
    const odd = `onnx/${encodeURIComponent("a name, é & more.txt")}`;
    expect(await (await hub.fetch(`/acme/tiny/resolve/main/${odd}?download=true`)).text()).toBe("odd");
    const whole = encodeURIComponent("onnx/a name, é & more.txt");
    expect(await (await hub.fetch(`/acme/tiny/resolve/main/${whole}`)).text()).toBe("odd");
    expect(await (await hub.fetch("/acme%2Ftiny/resolve/main/resolve/main.txt")).text()).toBe("not a route");
  });

  test("of a dataset and of a space lies under their prefix", async () => {
    expect(await (await hub.fetch("/datasets/acme/texts/resolve/main/t.csv")).text()).toBe("a,b");
    expect(await (await hub.fetch("/spaces/acme/demo/resolve/main/app.py")).text()).toBe("run()");
    expect((await hub.fetch("/acme/texts/resolve/main/t.csv")).status).toBe(404);
  });

  test("is for ever only where the address names what never changes", async () => {
    const at = async (revision: string) =>
      (await hub.fetch(`/acme/tiny/resolve/${revision}/config.json`, { method: "HEAD" })).headers.get(
        "cache-control",
      );
    expect(await at(COMMIT)).toContain("immutable");
    expect(await at("main")).toBe("no-cache");
  });
});

describe("a range", () => {
  const ask = (range: string, path = "weights.gguf", headers: Record<string, string> = {}) =>
    hub.fetch(`/acme/tiny/resolve/main/${path}`, { headers: { range, ...headers } });

  test.each<[string, number, number]>([
    ["bytes=0-0", 0, 1],
    ["bytes=0-100000", 0, 100_001],
    ["bytes=100-", 100, 700_001],
    ["bytes=-1", 700_000, 700_001],
    ["bytes=700000-9999999", 700_000, 700_001],
  ])("%s is 206 with exactly these bytes", async (range, start, end) => {
    const response = await ask(range);
    expect(headOf(response)).toMatchObject({
      status: 206,
      headers: {
        "content-range": `bytes ${start}-${end - 1}/700001`,
        "content-length": String(end - start),
        "x-repo-commit": COMMIT,
        "etag": `"${digestOf(LARGE)}"`,
      },
    });
    expect(digestOf(await response.bytes())).toBe(digestOf(LARGE.slice(start, end)));
  });

  test("beyond the end is 416 with the length, in the hub's form", async () => {
    const response = await ask("bytes=700001-");
    expect(headOf(response)).toMatchObject({
      status: 416,
      headers: { "content-range": "bytes */700001", "x-error-code": "RangeNotSatisfiable" },
    });
    expect(Object.keys(await response.json() as object)).toEqual(["error"]);
  });

  test("of an empty file is all of it, with the length where clients look for it", async () => {
    for (const range of ["bytes=0-0", "bytes=0-"]) {
      const response = await ask(range, "empty.txt");
      expect(headOf(response)).toMatchObject({
        status: 200,
        headers: { "content-length": "0", "content-range": "bytes */0", "etag": `"${gitOidOf("")}"` },
      });
    }
    expect((await ask("bytes=1-", "empty.txt")).status).toBe(416);
    expect((await hub.fetch("/acme/tiny/resolve/main/empty.txt")).headers.has("content-range")).toBe(false);
  });

  test("counts only while If-Range is still the file's tag", async () => {
    const [same, other] = [`"${digestOf(LARGE)}"`, `"${digestOf("other")}"`];
    expect((await ask("bytes=5-9", "weights.gguf", { "if-range": same })).status).toBe(206);
    const whole = await ask("bytes=5-9", "weights.gguf", { "if-range": other });
    expect([whole.status, whole.headers.get("content-length")]).toEqual([200, "700001"]);
    await whole.body?.cancel();
  });

  test("of a HEAD is ignored: its length is that of the file", async () => {
    const response = await hub.fetch("/acme/tiny/resolve/main/weights.gguf", {
      method: "HEAD",
      headers: { range: "bytes=0-0" },
    });
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "700001"]);
  });
});

test("If-None-Match with the tag is 304 without a body, in weak form too", async () => {
  for (const etag of [`"${gitOidOf(CONFIG)}"`, `W/"${gitOidOf(CONFIG)}"`, "*"]) {
    const headers = { "if-none-match": etag };
    const response = await hub.fetch("/acme/tiny/resolve/main/config.json", { headers });
    expect([response.status, response.headers.get("x-repo-commit")]).toEqual([304, COMMIT]);
  }
  const headers = { "if-none-match": `"${digestOf(CONFIG)}"` };
  expect((await hub.fetch("/acme/tiny/resolve/main/config.json", { headers })).status).toBe(200);
});

describe("raw", () => {
  test("gives the pointer of a file in LFS, by range too, and any other file as it is", async () => {
    const pointer = pointerOf(LARGE);
    const response = await hub.fetch("/acme/tiny/raw/main/weights.gguf");
    expect(headOf(response)).toMatchObject({
      status: 200,
      headers: { etag: `"${gitOidOf(pointer)}"`, "content-length": String(pointer.length) },
    });
    expect(await response.text()).toBe(pointer);
    const part = await hub.fetch("/acme/tiny/raw/main/weights.gguf", { headers: { range: "bytes=0-6" } });
    expect([part.status, await part.text()]).toEqual([206, "version"]);
    expect(await (await hub.fetch("/acme/tiny/raw/main/config.json")).text()).toBe(CONFIG);
  });
});

describe("a revision", () => {
  const commitAt = async (repo: string, revision: string, path: string) =>
    (await hub.fetch(`/${repo}/resolve/${revision}/${path}`, { method: "HEAD" })).headers.get(
      "x-repo-commit",
    );

  test("main and HEAD are the alias main", async () => {
    for (const revision of ["main", "HEAD", "refs/heads/main", "refs%2Fheads%2Fmain", COMMIT]) {
      expect(await commitAt("acme/tiny", revision, "config.json")).toBe(COMMIT);
    }
  });

  test("of a version that no hub named has 40 digits of the SHA-256 of its name, which name it too", async () => {
    // Printed by: printf 1.0.0 | sha256sum | cut -c-40
    const commit = "92521fc3cbd964bdc9f584a991b89fddaa5754ed";
    expect(await commitAt("gpt2", "1.0.0", "a.bin")).toBe(commit);
    expect(await commitAt("gpt2", commit, "a.bin")).toBe(commit);
    expect(await (await hub.fetch(`/gpt2/resolve/${commit}/a.bin`)).text()).toBe("one");
  });

  test("main of a model without that alias is the latest version", async () => {
    expect(await (await hub.fetch("/gpt2/resolve/main/a.bin")).text()).toBe("two");
    expect(await (await hub.fetch("/gpt2/resolve/latest/a.bin")).text()).toBe("two");
  });

  test("an alias is a branch, a version a tag", async () => {
    for (const revision of ["stable", "refs/heads/stable", "1.0.0", "refs%2Ftags%2F1.0.0"]) {
      expect(await (await hub.fetch(`/gpt2/resolve/${revision}/a.bin`)).text()).toBe("one");
    }
  });
});

test("a change of the registry is seen at once", async () => {
  const { larder } = hub;
  const bodyAt = async () => await (await hub.fetch("/acme/moving/resolve/main/x")).text();
  await addVersion(larder, { model: "acme/moving", version: "1.0.0", files: { x: { bytes: "old" } } });
  expect(await bodyAt()).toBe("old");
  await addVersion(larder, { model: "acme/moving", version: "2.0.0", files: { x: { bytes: "new" } } });
  expect(await bodyAt()).toBe("new");
  await larder.registry.setAlias("acme/moving", "main", "1.0.0");
  expect(await bodyAt()).toBe("old");
});

test("answers carry one Content-Length and no Transfer-Encoding on the wire", async () => {
  for (const path of ["config.json", "weights.gguf", "empty.txt"]) {
    const lines = [
      `GET /acme/tiny/resolve/main/${path} HTTP/1.1`,
      "Host: 127.0.0.1",
      "Connection: close",
      "",
      "",
    ];
    const { headers, body } = await rawRequest(hub.port, lines.join("\r\n"));
    expect(headers.get("content-length")).toBe(String(body.length));
    expect(headers.has("transfer-encoding")).toBe(false);
  }
});
