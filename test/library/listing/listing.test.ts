import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { rm, utimes } from "node:fs/promises";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { codeOf, digestOf, versionOf } from "../../registry/fixtures.ts";
import { listingPlace, writeElsewhere } from "./place.ts";

const NEW_MODEL = `
  INSERT INTO models SELECT max(id) + 1, 'elsewhere', 1, 1, 1, '1', 5, NULL, NULL FROM models;
  INSERT INTO versions SELECT 1000, max(id), '1', 1, 5, 0 FROM models;
`;

test("a model is listed with all that is known of it", async () => {
  await using at = await listingPlace();
  await at.put("acme/chat", "1.0.0", [{ path: "chat.gguf", content: "1234" }]);
  at.facts.set("acme/chat", {
    ...{ runtime: "gguf", capabilities: ["embedding"], architecture: "bert", parameters: 33e6 },
    ...{ contextLength: 512, quantization: "Q8_0" },
  });
  const known = {
    ...{ model: "acme/chat", version_count: 1, latest: "1.0.0", size_bytes: 4, updated_at: 1000 },
    ...{ provider: "url", status: "downloaded", variants: ["default"], runtime: "gguf" },
    ...{ access_count: 0, last_used_at: null, loaded: false, pinned: false },
  };
  const { models: [whole], ...page } = await at.list();
  expect(page).toEqual({ total: 1, next_cursor: null });
  expect(whole as object).toEqual({
    ...known,
    ...{ updated_at: whole?.updated_at, capabilities: ["embedding"], architecture: "bert", parameters: 33e6 },
    ...{ context_length: 512, quantization: "Q8_0" },
  });
  expect((await at.list({ quick: true })).models[0] as object).toEqual({
    ...known,
    ...{ updated_at: whole?.updated_at, capabilities: ["completion", "chat", "embedding"] },
    ...{ architecture: null, parameters: null, context_length: null, quantization: null },
  });
});

test("models that are pulled, were tried in vain, or were only looked at, have their status", async () => {
  await using at = await listingPlace();
  await at.put("here");
  const error = { code: "DNS", message: "Cannot find the host", retryable: true } as const;
  const note = { version: "1", variant: "q4", bytesDone: 0, error, updatedAtS: 50 };
  await at.registry.putVariantNote({ model: "failed", ...note });
  await at.registry.putVariantNote({ model: "here", ...note });
  await at.registry.putScan({ model: "looked-at", version: "2", scannedAtS: 60, document: {} });
  at.pulls.push({ model: "pulled", version: undefined, variant: "q8", sinceS: 70, provider: "hub" });
  at.pulls.push({ model: "here", version: "2", variant: "q8", sinceS: 70, provider: "url" });
  expect((await at.list()).models.map(({ model, status, latest, variants, updated_at, provider }) => [
    ...[model, status, latest, variants, model === "here" ? 0 : updated_at, provider],
  ])).toEqual([
    ["failed", "failed", "1", ["q4"], 50, "hub"],
    ["here", "downloaded", "1", ["default"], 0, "url"],
    ["pulled", "downloading", null, ["q8"], 70, "hub"],
  ]);
  expect(await at.names({ status: "available" })).toEqual(["looked-at"]);
  expect(await at.names({ status: "downloading" })).toEqual(["pulled"]);
  at.pulls.length = 0;
  at.events.emit({ type: "pull", pullId: "pulled" });
  expect(await at.names()).toEqual(["failed", "here"]);
  at.pulls.push({ model: "failed", version: "1", variant: "q4", sinceS: 80, provider: "hub" });
  at.events.emit({ type: "variant", model: "failed", version: "1", variant: "q4", status: "downloading" });
  expect((await at.list()).models[0]).toMatchObject({ model: "failed", status: "downloading" });
});

test("filters choose by provider, capability and part of a name, and count what they choose", async () => {
  await using at = await listingPlace();
  await at.put("acme/Phi-3", "1", [{ path: "phi.gguf", content: "1" }]);
  await at.put("acme/vision", "1", [{ path: "v.onnx", content: "22" }]);
  await at.put("other/a.b", "1", [{ path: "weights.bin", content: "333" }]);
  expect(await at.names({ q: "PHI" })).toEqual(["acme/Phi-3"]);
  expect(await at.names({ q: "a.b" })).toEqual(["other/a.b"]);
  expect(await at.names({ q: "a+b" })).toEqual([]);
  expect(await at.names({ capability: "predict", quick: true })).toEqual(["acme/vision"]);
  expect(await at.names({ provider: "local" })).toEqual([]);
  expect(await at.list({ q: "acme", limit: 1 })).toMatchObject({ total: 2 });
});

test("pages follow each other in every order, also when models come and go in between", async () => {
  await using at = await listingPlace();
  for (const [model, size] of [["a", 5], ["b", 3], ["c", 3], ["d", 1], ["e", 9]] as const) {
    await at.put(model, "1", [{ path: "f", content: model.repeat(size) }]);
  }
  const pages = async (sort: "name" | "-name" | "size_bytes" | "-size_bytes") => {
    const names: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await at.list({ sort, limit: 2, ...(cursor ? { cursor } : {}) });
      names.push(...page.models.map(({ model }) => model));
      cursor = page.next_cursor;
    } while (cursor);
    return names.join("");
  };
  expect(await pages("name")).toBe("abcde");
  expect(await pages("-name")).toBe("edcba");
  expect(await pages("size_bytes")).toBe("dbcae");
  expect(await pages("-size_bytes")).toBe("eabcd");
  const { next_cursor } = await at.list({ sort: "-size_bytes", limit: 2 });
  await at.registry.removeVersion("a");
  at.events.emit({ type: "removed", model: "a" });
  await at.put("f", "1", [{ path: "f", content: "f".repeat(20) }]);
  expect(await at.names({ sort: "-size_bytes", cursor: next_cursor ?? "" })).toEqual(["b", "c", "d"]);
  for (const cursor of ["a", "W10", next_cursor ?? ""]) {
    expect(await codeOf(Promise.resolve().then(() => at.list({ sort: "name", cursor })))).toBe("BAD_QUERY");
  }
});

test("an event forgets only the answers to whose list its model belongs", async () => {
  await using at = await listingPlace();
  await at.put("left/a");
  await at.put("right/b");
  const ask = async (q: string) => {
    const { api_cache: before } = await at.listing.cacheInfo();
    await at.list({ q });
    const { api_cache: after } = await at.listing.cacheInfo();
    return after.hits > before.hits ? "hit" : "miss";
  };
  expect([await ask("left"), await ask("right"), await ask("none")]).toEqual(["miss", "miss", "miss"]);
  expect([await ask("left"), await ask("right"), await ask("none")]).toEqual(["hit", "hit", "hit"]);
  await at.put("left/c");
  expect([await ask("left"), await ask("right"), await ask("none")]).toEqual(["miss", "hit", "hit"]);
  expect(await at.names({ q: "left" })).toEqual(["left/a", "left/c"]);
  await at.registry.removeVersion("right/b");
  at.events.emit({ type: "removed", model: "right/b" });
  expect([await ask("left"), await ask("right"), await ask("none")]).toEqual(["hit", "miss", "hit"]);
  // Nothing that is listed follows from this alias.
  at.events.emit({ type: "alias", model: "left/a", alias: "stable" });
  expect(await ask("left")).toBe("hit");
  expect(at.looks()).toBe(1);
});

test("another process's write is in the next list, for whoever asks", async () => {
  await using at = await listingPlace();
  await at.put("iris");
  expect(await at.names()).toEqual(["iris"]);
  writeElsewhere(at.path, NEW_MODEL);
  const many = await Promise.all(Array.from({ length: 20 }, () => at.names()));
  expect(new Set(many.map(String))).toEqual(new Set(["elsewhere,iris"]));
  expect(await at.names({ quick: true })).toEqual(["elsewhere", "iris"]);
  expect(at.looks()).toBe(2);
});

test("what is too old is answered once more and renewed meanwhile", async () => {
  await using at = await listingPlace();
  await at.put("iris");
  await at.names();
  // Nobody is told of it.
  await at.registry.putVersion(versionOf("silent", "1"));
  await at.clock.advance(299_000);
  expect(await at.names()).toEqual(["iris"]);
  await at.clock.advance(1000);
  expect(await at.names()).toEqual(["iris"]);
  await waitUntil(async () => (await at.names()).length === 2);
  expect(at.looks()).toBe(2);
  expect((await at.listing.cacheInfo()).service_cache).toMatchObject({
    cache_age_seconds: 0,
    cache_valid: true,
  });
});

test("force_refresh waits for a look that begins now, and all who wait share it", async () => {
  await using at = await listingPlace();
  await at.put("iris");
  await at.names();
  await at.registry.putVersion(versionOf("silent", "1"));
  expect(await at.names()).toEqual(["iris"]);
  const many = await Promise.all(Array.from({ length: 10 }, () => at.names({ force_refresh: true })));
  for (const names of many) expect(names).toEqual(["iris", "silent"]);
  expect(at.looks()).toBeLessThanOrEqual(3);
});

test("a changed folder is waited for, but not by who wants no disk work", async () => {
  await using folder = await tempFolder();
  await using at = await listingPlace();
  at.outside.watched = [folder.path];
  await at.put("iris");
  await at.names();
  await at.registry.putVersion(versionOf("silent", "1"));
  await utimes(folder.path, 1, 1);
  expect(await at.names({ quick: true })).toEqual(["iris"]);
  expect(await at.names()).toEqual(["iris", "silent"]);
  await at.registry.putVersion(versionOf("silent-2", "1"));
  at.outside.manifestsMs = 2;
  // This process is at it itself, and will tell.
  at.outside.isWriting = true;
  expect(await at.names()).toHaveLength(2);
  at.outside.isWriting = false;
  expect(await at.names()).toHaveLength(3);
  at.outside.manifestsMs = 3;
  await at.put("own");
  expect(await at.names()).toHaveLength(4);
  expect(at.looks()).toBe(3);
  await rm(folder.path, { recursive: true });
  expect(await at.names()).toHaveLength(4);
  expect(at.looks()).toBe(4);
});

test("a list waits two seconds for headers, and what was read later is in the lists after it", async () => {
  await using at = await listingPlace();
  const { promise, resolve } = Promise.withResolvers<void>();
  const tree = { runtime: "onnx", capabilities: ["predict"], architecture: "tree", parameters: 3 } as const;
  for (const model of ["fast", "slow"]) {
    await at.put(model);
    at.facts.set(model, { ...tree, contextLength: null, quantization: null });
  }
  at.slow.promises.set("slow", promise);
  const kinds = async () => (await at.list()).models.map(({ architecture }) => architecture);
  const first = kinds();
  await waitUntil(() => at.clock.sleeping > 0);
  await at.clock.advance(2000);
  expect(await first).toEqual(["tree", null]);
  // The two seconds are over for all.
  expect(await kinds()).toEqual(["tree", null]);
  expect(await at.names({ capability: "predict" })).toEqual(["fast"]);
  expect((await at.listing.cacheInfo()).service_cache.cache_keys).toEqual(["fast"]);
  resolve();
  await waitUntil(async () => (await kinds())[1] === "tree");
  expect(await at.names({ capability: "predict" })).toEqual(["fast", "slow"]);
});

test("headers that could not be read are tried again when their file was repaired", async () => {
  await using at = await listingPlace();
  await at.put("iris", "1", [{ path: "iris.onnx", content: "1" }]);
  const kinds = async () =>
    (await at.list()).models.map(({ architecture, runtime }) => [architecture, runtime]);
  expect(await kinds()).toEqual([[null, "onnx"]]);
  at.facts.set("iris", {
    ...{ runtime: "onnx", capabilities: ["predict"], architecture: "tree", parameters: 3 },
    ...{ contextLength: null, quantization: null },
  });
  expect(await kinds()).toEqual([[null, "onnx"]]);
  at.events.emit({ type: "repaired", digest: digestOf("1") });
  expect(await kinds()).toEqual([["tree", "onnx"]]);
  // What was read is not read again.
  at.facts.clear();
  at.events.emit({ type: "damaged", digest: digestOf("1"), chunks: [0] });
  expect(await kinds()).toEqual([["tree", "onnx"]]);
});

test("what is dropped in a watched folder is in the next list, and goes when it is taken or refused", async () => {
  await using folder = await tempFolder();
  await using at = await listingPlace();
  at.outside.watched = [folder.path];
  await at.put("iris");
  await at.names();
  at.outside.dropped.push("fern", "moss");
  await utimes(folder.path, 1, 1);
  const arriving = { status: "downloading", provider: "local", version_count: 0 };
  expect((await at.list()).models).toMatchObject([{ ...arriving, model: "fern" }, {}, {
    ...arriving,
    model: "moss",
  }]);
  at.outside.pending.splice(1);
  expect(await at.names({ quick: true })).toEqual(["fern", "iris"]);
  at.outside.pending.splice(0);
  await at.put("fern");
  expect((await at.list()).models).toMatchObject([{ model: "fern", status: "downloaded" }, {}]);
  expect(at.looks()).toBe(2);
});

test("what changes all the time is a second late at most, and forgets no answer", async () => {
  await using at = await listingPlace();
  await at.put("iris");
  await at.put("rose");
  await at.names();
  at.loaded.add("iris");
  await at.registry.putOptions({ model: "rose", variant: "", pinned: true, options: {} });
  const report = { model: "rose", version: "1", variant: "default", count: 3, usedAtS: 1500, loadsMs: [] };
  await at.registry.recordUses({ variants: [report], hours: [], follows: [] });
  await at.listing.noteUses({ variants: [report] });
  await at.clock.advance(1000);
  expect((await at.list()).models).toMatchObject([
    { model: "iris", loaded: true, pinned: false, access_count: 0, last_used_at: null },
    { model: "rose", loaded: false, pinned: true, access_count: 3, last_used_at: 1500 },
  ]);
  expect((await at.listing.cacheInfo()).api_cache).toMatchObject({ hits: 1, misses: 1 });
  expect(await at.names({ sort: "-access_count" })).toEqual(["rose", "iris"]);
  await at.registry.recordUses({
    variants: [{ ...report, model: "iris", count: 9 }],
    hours: [],
    follows: [],
  });
  await at.listing.noteUses({ variants: [{ ...report, model: "iris", count: 9 }] });
  await at.clock.advance(1000);
  expect(await at.names({ sort: "-access_count" })).toEqual(["iris", "rose"]);
});

test("the time to live is kept, within its bounds", async () => {
  await using at = await listingPlace();
  expect((await at.listing.cacheInfo()).service_cache.cache_ttl_seconds).toBe(300);
  for (const ttl_seconds of [29, 3601, 0, -30, 30.5, Number.NaN]) {
    const error = await at.listing.configureCache({ ttl_seconds }).catch((failure) => failure);
    expect(error).toMatchObject({
      code: "BAD_BODY",
      field: "ttl_seconds",
      hint: expect.stringContaining("30 to 3600"),
    });
  }
  for (const ttl_seconds of [30, 3600, 600]) {
    expect(await at.listing.configureCache({ ttl_seconds })).toMatchObject({
      cache_ttl_seconds: ttl_seconds,
    });
  }
  expect(at.registry.getSetting("listing_ttl_seconds")).toBe("600");
});

test("refresh says how many there were and are, and forgets all answers", async () => {
  await using at = await listingPlace();
  await at.put("iris");
  await at.names();
  await at.registry.putVersion(versionOf("silent", "1"));
  expect(await at.listing.refresh()).toMatchObject({
    cache_info: {
      ...{ cache_refreshed: true, timestamp: 1_700_000_000, old_model_count: 1, new_model_count: 2 },
      cache_keys: ["all", "fast"],
    },
    api_cache_cleared: true,
  });
  expect((await at.listing.cacheInfo()).api_cache).toMatchObject({
    api_cache_entries: 0,
    api_cache_keys: [],
  });
});

test("20,000 models are looked at without a pause that anybody notices", async () => {
  const models = 20_000;
  await using at = await listingPlace((path) => seed(path, models));
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  expect((await at.list({ quick: true, sort: "-size_bytes", q: "7" })).total).toBeGreaterThan(1000);
  clearInterval(timer);
  // The aim is 10 ms; a busy test machine gets more.
  expect(longest).toBeLessThan(250);
  expect((await at.list({ quick: true })).total).toBe(models);
}, 60_000);

test("what happens while everything is looked at is not lost", async () => {
  await using at = await listingPlace((path) => seed(path, 5000));
  const first = at.list({ quick: true, limit: 1 });
  await at.put("org/model-0");
  await at.registry.removeVersion("org/model-000001");
  at.events.emit({ type: "removed", model: "org/model-000001" });
  await first;
  expect((await at.list({ quick: true })).total).toBe(5000);
  expect(await at.names({ quick: true, q: "model-0", limit: 2 })).toEqual([
    "org/model-0",
    "org/model-000000",
  ]);
  expect(await at.names({ quick: true, q: "model-000001" })).toEqual([]);
});

test("who waits for a list when the library closes is told that it stops", async () => {
  await using at = await listingPlace((path) => seed(path, 5000));
  const waiting = codeOf(at.list({ quick: true }));
  await at.listing.close();
  expect(await waiting).toBe("SHUTTING_DOWN");
});

/** Nobody has the file open yet. */
function seed(path: string, models: number): void {
  const db = new Database(path);
  db.run(`
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${models - 1})
    INSERT INTO models SELECT i + 1, printf('org/model-%06d', i), i, i, 1, '1', i % 777, NULL, NULL FROM n;
    INSERT INTO versions SELECT id, id, '1', id, size_bytes, 0 FROM models;
    INSERT INTO variants SELECT id, id, 'default', 'downloaded' FROM models;
  `);
  db.close(true);
}

test("the time to live of an earlier process counts", async () => {
  await using at = await listingPlace();
  await at.listing.configureCache({ ttl_seconds: 45 });
  const stored = at.registry.getSetting("listing_ttl_seconds");
  await using next = await listingPlace((path) => {
    const db = new Database(path);
    db.run("INSERT INTO settings VALUES ('listing_ttl_seconds', ?)", [stored ?? ""]);
    db.close(true);
  });
  expect((await next.listing.cacheInfo()).service_cache.cache_ttl_seconds).toBe(45);
});
