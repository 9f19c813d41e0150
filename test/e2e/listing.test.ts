import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Api } from "../helpers/api.ts";
import { tinyGguf } from "../helpers/model-files.ts";
import { findTool, testWith } from "../helpers/tools.ts";
import { waitUntil } from "../helpers/wait.ts";
import { modelPlace } from "./model-place.ts";
import { world } from "./world.ts";

const TIMEOUT_MS = 120_000;
const LIBRARY = "/api/models/library";
const FIELDS = [
  ...["model", "version_count", "latest", "size_bytes", "updated_at", "provider", "status", "capabilities"],
  ...["runtime", "architecture", "parameters", "context_length", "quantization", "variants"],
  ...["access_count", "last_used_at", "loaded", "pinned"],
];

const namesOf = (json: { models: ReadonlyArray<{ model: string }> }) => json.models.map(({ model }) => model);

test("every field and every filter of the list of models", async () => {
  await using at = await modelPlace();
  await at.addAll();
  await at.add("acme/embedder@1.0.0", {
    "e.gguf": tinyGguf({ architecture: "bert", causal: false, contextLength: 512, fileType: 1 }),
  });
  await at.add("acme/notes@1.0.0", { "notes.txt": new TextEncoder().encode("plain") });
  const { api, server } = await at.serve();
  const list = async (query = "") => (await api.get(LIBRARY + query)).json;

  const whole = await list();
  expect(whole).toMatchObject({ total: 7, next_cursor: null });
  for (const model of whole.models) expect(Object.keys(model)).toEqual(FIELDS);
  const [embedder, external, linear, llama, notes] = whole.models;
  expect(embedder).toMatchObject({
    ...{ model: "acme/embedder", version_count: 1, latest: "1.0.0", provider: "local", status: "downloaded" },
    ...{ capabilities: ["embedding"], runtime: "gguf", architecture: "bert", context_length: 512 },
    ...{ quantization: "F16", variants: ["default"], access_count: 0, last_used_at: null },
    ...{ loaded: false, pinned: false },
  });
  expect(llama).toMatchObject({ architecture: "llama", capabilities: ["completion", "chat", "embedding"] });
  expect(external).toMatchObject({ model: "acme/external", runtime: "onnx", capabilities: ["predict"] });
  expect(linear.parameters).toBeGreaterThan(0);
  expect(notes).toMatchObject({ runtime: "mapped", capabilities: ["files"], size_bytes: 5 });

  const quick = await list("?quick=true");
  for (const model of quick.models) {
    expect(model).toMatchObject({
      architecture: null,
      parameters: null,
      context_length: null,
      quantization: null,
    });
  }
  expect(quick.models[0].capabilities).toEqual(["completion", "chat", "embedding"]);
  expect(namesOf(await list("?capability=chat"))).toEqual(["acme/llama"]);
  expect(namesOf(await list("?capability=predict&q=TR"))).toEqual(["acme/transformer", "acme/tree"]);
  expect(await list("?provider=hub")).toMatchObject({ total: 0, models: [] });
  expect(await list("?status=failed")).toMatchObject({ total: 0 });
  expect(await list("?status=downloaded&provider=local")).toMatchObject({ total: 7 });

  const bySize = whole.models.toSorted((a: { size_bytes: number }, b: { size_bytes: number }) =>
    b.size_bytes - a.size_bytes
  );
  const seen: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const page = await list(`?sort=-size_bytes&limit=2${cursor && `&cursor=${cursor}`}`);
    seen.push(...namesOf(page));
    cursor = page.next_cursor;
  }
  expect(seen).toEqual(namesOf({ models: bySize }));
  const refused = await api.get(`${LIBRARY}?sort=name&cursor=abc`);
  expect(refused).toMatchObject({ status: 400, json: { code: "BAD_QUERY", field: "cursor" } });

  expect((await api.post("/api/cache/load", { model: "acme/tree" })).status).toBe(200);
  expect((await api.put("/api/models/acme/notes/pin", { pinned: true })).status).toBe(200);
  await waitUntil(async () => (await list()).models.find(isNamed("acme/tree")).access_count > 0);
  const after = (await list()).models;
  expect(after.find(isNamed("acme/tree"))).toMatchObject({ loaded: true, pinned: false });
  expect(after.find(isNamed("acme/tree")).last_used_at).toBeGreaterThan(Date.now() / 1000 - 100);
  expect(after.find(isNamed("acme/notes"))).toMatchObject({ loaded: false, pinned: true, access_count: 0 });
  expect(namesOf(await list("?sort=-last_used_at&limit=1"))).toEqual(["acme/tree"]);

  const verb = await at.larder.run(
    "list",
    "--capability",
    "chat",
    "--provider",
    "local",
    "--sort=-name",
    "--quick",
  );
  expect(namesOf(verb.json as never)).toEqual(["acme/llama", "acme/embedder"]);
  expect(await server.stop()).toBe(0);
}, TIMEOUT_MS);

function isNamed(name: string) {
  return ({ model }: { readonly model: string }) => model === name;
}

test("the caches: refresh, cache-info, and cache-config with 600 s, which is kept", async () => {
  await using at = await modelPlace();
  await at.add("acme/notes@1.0.0", { "notes.txt": new TextEncoder().encode("plain") });
  const { api, server } = await at.serve();
  const nowS = Date.now() / 1000;

  expect((await api.get("/api/models/cache-info")).json.service_cache).toMatchObject({
    ...{
      cache_valid: false,
      cache_timestamp: null,
      cache_keys: [],
      cached_model_count: 0,
      cache_ttl_seconds: 300,
    },
  });
  const { status, json: refreshed } = await api.post("/api/models/refresh", {});
  expect(status).toBe(200);
  expect(refreshed).toEqual({
    message: expect.any(String),
    cache_info: {
      ...{ cache_refreshed: true, timestamp: expect.any(Number), old_model_count: 0, new_model_count: 1 },
      cache_keys: ["all", "fast"],
    },
    api_cache_cleared: true,
  });
  expect(Math.abs(refreshed.cache_info.timestamp - nowS)).toBeLessThan(60);

  await api.get(`${LIBRARY}?q=notes`);
  await api.get(`${LIBRARY}?q=notes`);
  const { json: info } = await api.get("/api/models/cache-info");
  expect(info).toEqual({
    service_cache: {
      ...{
        cache_valid: true,
        cache_timestamp: refreshed.cache_info.timestamp,
        cache_age_seconds: expect.any(Number),
      },
      ...{ cache_ttl_seconds: 300, cached_model_count: 1, cache_keys: ["all", "fast"] },
      ...{ registry_mtime: expect.any(Number), models_dir_mtime: expect.any(Number) },
      ...{ hits: 1, misses: 0, hit_rate: 1 },
    },
    api_cache: {
      api_cache_keys: ["q=notes&sort=name&limit=100"],
      api_cache_entries: 1,
      hits: 1,
      misses: 1,
      hit_rate: 0.5,
    },
  } as never);
  expect(Math.abs(info.service_cache.registry_mtime - nowS)).toBeLessThan(60);

  const set = await api.post("/api/models/cache-config", { ttl_seconds: 600 });
  expect(set).toMatchObject({ status: 200, json: { message: expect.any(String), cache_ttl_seconds: 600 } });
  for (const ttl_seconds of [29, 3601]) {
    const { status, json } = await api.post("/api/models/cache-config", { ttl_seconds });
    expect([status, json.code, json.field]).toEqual([400, "BAD_BODY", "ttl_seconds"]);
    expect(json.hint).toContain("30 to 3600");
  }
  expect(await server.stop()).toBe(0);
  const next = await at.serve();
  expect((await next.api.get("/api/models/cache-info")).json.service_cache.cache_ttl_seconds).toBe(600);
}, TIMEOUT_MS);

testWith(
  ["nginx"],
  "what is pulled, removed and named anew forgets only the answers it belongs to",
  async () => {
    await using at = await world();
    const first = await at.sample("first", 1000);
    const api = new Api((await at.larder.serve()).url);
    const pull = (model: string, revision: string) =>
      api.pull({ model, revision, urls: [first.address], sha256: first.digest });
    const ask = async (query: string) => {
      const hits = async () => (await api.get("/api/models/cache-info")).json.api_cache.hits;
      const before = await hits();
      const { json } = await api.get(LIBRARY + query);
      return [await hits() > before ? "hit" : "miss", json.total];
    };
    expect(await pull("left/a", "1")).toMatchObject({ state: "done" });
    expect(await pull("right/b", "1")).toMatchObject({ state: "done" });
    expect([await ask("?q=left"), await ask("?q=right")]).toEqual([["miss", 1], ["miss", 1]]);
    expect([await ask("?q=left"), await ask("?q=right")]).toEqual([["hit", 1], ["hit", 1]]);
    expect(await pull("left/c", "1")).toMatchObject({ state: "done" });
    expect([await ask("?q=left"), await ask("?q=right")]).toEqual([["miss", 2], ["hit", 1]]);
    expect((await api.get(`${LIBRARY}?q=left`)).json.models[1]).toMatchObject({
      provider: "url",
      status: "downloaded",
    });
    await at.larder.run("remove", "right/b");
    expect([await ask("?q=left"), await ask("?q=right")]).toEqual([["hit", 2], ["miss", 0]]);
    expect((await api.get("/api/models/cache-info")).json.service_cache).toMatchObject({ misses: 1 });
  },
  TIMEOUT_MS,
);

testWith(["nginx"], "a model of which a pull runs is listed as downloading", async () => {
  await using at = await world();
  const slow = await at.sample("slow", 3_000_000);
  const api = new Api((await at.larder.serve()).url);
  const request = {
    model: "acme/slow",
    revision: "1",
    urls: [at.nginx.address("/slow", 100_000)],
    sha256: slow.digest,
  };
  const { json: pull } = await api.post("/api/models/download", request);
  expect((await api.get(`${LIBRARY}?status=downloading`)).json.models).toMatchObject([
    {
      model: "acme/slow",
      status: "downloading",
      provider: "url",
      version_count: 0,
      latest: "1",
      size_bytes: 0,
    },
  ]);
  expect(await api.delete(`/api/pulls/${pull.id}`)).toMatchObject({ status: 200 });
  expect((await api.get(LIBRARY)).json).toMatchObject({ total: 0 });
}, TIMEOUT_MS);

testWith(["sqlite3"], "another program's write to the registry is in the next list", async () => {
  await using at = await modelPlace();
  await at.add("acme/notes@1.0.0", { "notes.txt": new TextEncoder().encode("plain") });
  const { api, url } = await at.serve();
  for (const query of ["", "?quick=true"]) {
    expect(namesOf((await api.get(LIBRARY + query)).json)).toEqual(["acme/notes"]);
  }
  expect((await fetch(`${url}/api/files/acme/renamed/1.0.0/notes.txt`)).status).toBe(404);
  const sql = "UPDATE models SET name = 'acme/renamed' WHERE name = 'acme/notes'";
  const { exitCode, stderr } = Bun.spawnSync([
    findTool("sqlite3") ?? "",
    at.larder.inHome("registry.sqlite"),
    sql,
  ]);
  expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  for (const query of ["", "?quick=true"]) {
    expect(namesOf((await api.get(LIBRARY + query)).json)).toEqual(["acme/renamed"]);
  }
  expect(await (await fetch(`${url}/api/files/acme/renamed/1.0.0/notes.txt`)).text()).toBe("plain");
}, TIMEOUT_MS);

test("what a client has is not sent again, until something changes", async () => {
  await using at = await modelPlace();
  await at.add("acme/notes@1.0.0", { "notes.txt": new TextEncoder().encode("plain") });
  const { url, api } = await at.serve();
  const first = await fetch(url + LIBRARY);
  const tag = { headers: { "if-none-match": first.headers.get("etag") ?? "" } };
  expect((await fetch(url + LIBRARY, tag)).status).toBe(304);
  expect((await api.delete("/api/models/acme/notes")).status).toBe(200);
  const changed = await fetch(url + LIBRARY, tag);
  expect([changed.status, await changed.json()]).toEqual([200, { models: [], total: 0, next_cursor: null }]);
}, TIMEOUT_MS);

test("a file that is dropped in a watched folder is in the next list", async () => {
  await using at = await modelPlace();
  const folder = join(at.larder.path, "dropped");
  await mkdir(folder);
  const { api } = await at.serve(["--watch-folders", folder]);
  expect((await api.get(LIBRARY)).json).toMatchObject({ total: 0 });
  await Bun.write(join(folder, "tiny.gguf"), tinyGguf());
  const { json } = await api.get(LIBRARY);
  expect(json.models).toMatchObject([{ provider: "local" }]);
  const { model } = json.models[0];
  await waitUntil(async () =>
    (await api.get(`${LIBRARY}?q=${model}`)).json.models[0]?.status === "downloaded"
  );
}, TIMEOUT_MS);
