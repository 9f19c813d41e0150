import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { digestOf } from "../../helpers/digest.ts";
import { addVersion, COMMIT, gitOidOf, type HubRunning, hubRunning, pointerOf } from "./setup.ts";

const LARGE = "weights".repeat(1000);
let hub: HubRunning;

beforeAll(async () => {
  hub = await hubRunning();
  await addVersion(hub.larder, {
    model: "acme/tiny",
    version: COMMIT,
    files: {
      "config.json": { bytes: "{}\n", inGit: true },
      "onnx/model.onnx": { bytes: LARGE },
      "onnx/deep/x.txt": { bytes: "x", inGit: true },
      "zz.txt": { bytes: "last", inGit: true },
    },
  });
});
afterAll(() => hub[Symbol.asyncDispose]());

// deno-lint-ignore no-explicit-any -- what a test expects of it is the test's to say
async function jsonOf(target: string, init?: RequestInit): Promise<any> {
  const response = await hub.fetch(target, init);
  expect(response.headers.get("content-type")).toStartWith("application/json");
  return await response.json();
}

describe("a tree", () => {
  const paths = (entries: { path: string }[]) => entries.map(({ path }) => path);

  test("lists a folder, or with recursive everything below it", async () => {
    expect(paths(await jsonOf("/api/models/acme/tiny/tree/main"))).toEqual(["config.json", "onnx", "zz.txt"]);
    for (const yes of ["true", "True", "1"]) {
      expect(paths(await jsonOf(`/api/models/acme/tiny/tree/main?recursive=${yes}&expand=false`)))
        .toEqual(["config.json", "onnx", "onnx/deep", "onnx/deep/x.txt", "onnx/model.onnx", "zz.txt"]);
    }
    for (const folder of ["onnx", "onnx/"]) {
      expect(paths(await jsonOf(`/api/models/acme/tiny/tree/${COMMIT}/${folder}`)))
        .toEqual(["onnx/deep", "onnx/model.onnx"]);
    }
    expect(paths(await jsonOf(`/api/models/acme/tiny/tree/main/onnx%2Fdeep?recursive=true`)))
      .toEqual(["onnx/deep/x.txt"]);
  });

  test("tells files in LFS from files in Git, and folders from both", async () => {
    const pointer = pointerOf(LARGE);
    const entries = await jsonOf("/api/models/acme/tiny/tree/main?recursive=true");
    const of = (path: string) => entries.find((entry: { path: string }) => entry.path === path);
    expect(of("config.json")).toEqual({ type: "file", oid: gitOidOf("{}\n"), size: 3, path: "config.json" });
    expect(of("onnx/model.onnx")).toEqual({
      type: "file",
      oid: gitOidOf(pointer),
      size: LARGE.length,
      path: "onnx/model.onnx",
      lfs: { oid: digestOf(LARGE), size: LARGE.length, pointerSize: pointer.length },
    });
    expect(of("onnx")).toEqual({
      type: "directory",
      oid: expect.stringMatching(/^[0-9a-f]{40}$/),
      size: 0,
      path: "onnx",
    });
  });

  test("with expand dates each entry", async () => {
    const [entry] = await jsonOf("/api/models/acme/tiny/tree/main?expand=true");
    expect(entry.lastCommit).toEqual({ id: COMMIT, title: COMMIT, date: "2023-11-14T22:13:20.000Z" });
    expect(entry.securityFileStatus).toMatchObject({ avScan: null, pickleImportScan: null });
  });

  test("goes on by an absolute Link to the name that was asked", async () => {
    const found: string[] = [];
    let next: string | undefined = `${hub.url}/api/models/acme/tiny/tree/main?recursive=true&limit=4`;
    for (let pages = 0; next !== undefined; pages++) {
      const response: Response = await fetch(next);
      found.push(...paths(await response.json() as { path: string }[]));
      // As the hub's own client has it, which also needs the space.
      next = /<(https?:[/][/][^>]+)>;\s+rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
      if (pages === 0) {
        expect(next).toStartWith(`${hub.url}/api/models/acme/tiny/tree/main?recursive=true&limit=4&cursor=`);
      }
    }
    expect(found).toEqual([
      "config.json",
      "onnx",
      "onnx/deep",
      "onnx/deep/x.txt",
      "onnx/model.onnx",
      "zz.txt",
    ]);
    const named = await hub.fetch("/api/models/acme/tiny/tree/main?limit=1", {
      headers: { host: "localhost:80" },
    });
    expect(named.headers.get("link")).toStartWith("<http://localhost/api/");
  });

  test("has a thousand entries on a page, whatever was asked for", async () => {
    const { larder } = hub;
    await addVersion(larder, { model: "acme/wide", version: COMMIT, files: { f: { bytes: "same" } } });
    const row = larder.registry.findVersion("acme/wide", COMMIT);
    const [file] = row?.files ?? [];
    if (row === undefined || file === undefined) throw new Error("no version");
    const files = Array.from({ length: 1001 }, (_, at) => ({ ...file, path: `f${at}` }));
    await larder.registry.putVersion({ ...row, files, variants: [] });
    for (const limit of ["", "&limit=5000", "&limit=0", "&limit=x"]) {
      const response = await hub.fetch(`/api/models/acme/wide/tree/main?recursive=true${limit}`);
      expect((await response.json() as unknown[]).length).toBe(1000);
      expect(response.headers.has("link")).toBe(true);
    }
  });
});

describe("paths-info", () => {
  const target = `/api/models/acme/tiny/paths-info/${COMMIT}`;
  const expected = [
    { type: "file", path: "config.json", oid: gitOidOf("{}\n"), size: 3 },
    { type: "directory", path: "onnx" },
  ];

  test("takes a form and JSON; what is not there is absent", async () => {
    const form = "paths=config.json&paths=onnx&paths=none.txt";
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    expect(await jsonOf(target, { method: "POST", headers, body: form })).toMatchObject(expected);
    const body = JSON.stringify({ paths: ["config.json", "onnx", "none.txt"] });
    expect(await jsonOf(target, post(body))).toMatchObject(expected);
    expect(await jsonOf(target, post('{"paths":"config.json"}'))).toMatchObject(expected.slice(0, 1));
  });

  test("with expand dates each entry, from a form and from JSON", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const [one] = await jsonOf(target, { method: "POST", headers, body: "paths=zz.txt&expand=True" });
    const [other] = await jsonOf(target, post('{"paths":["zz.txt"],"expand":true}'));
    expect([one.lastCommit.id, other.lastCommit.id]).toEqual([COMMIT, COMMIT]);
  });

  test.each<[string, RequestInit, number]>([
    ["broken JSON", post("{"), 400],
    ["JSON of another form", post('{"paths":[1]}'), 400],
    ["a body of another kind", { method: "POST", headers: { "content-type": "text/plain" }, body: "x" }, 415],
    ["a body that is too long", post(JSON.stringify({ paths: ["x".repeat(30_000)] })), 413],
    ["GET", {}, 405],
  ])("refuses %s", async (_, init, status) => {
    const response = await hub.fetch(target, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ error: expect.any(String) });
  });

  function post(body: string): RequestInit {
    return { method: "POST", headers: { "content-type": "application/json" }, body };
  }
});
