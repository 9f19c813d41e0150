import { expect, test } from "bun:test";
import { AccessGuard } from "../../src/http/guard/access.ts";
import { LibraryRoute } from "../../src/http/native/library.ts";
import { CACHE_INFO, ETAG, NO_MODELS, REFRESHED, StandInListing } from "./listing-stand-in.ts";
import { post, problemOf, running } from "./setup.ts";
import { StandInLibrary } from "./stand-in.ts";

test("the list is asked for what its query says, once and again", async () => {
  await using s = await running();
  const query =
    "q=phi&provider=hub&status=failed&capability=chat&sort=-size_bytes&limit=7&quick=true&force_refresh=false";
  const request = {
    ...{ q: "phi", provider: "hub", status: "failed", capability: "chat", sort: "-size_bytes", limit: 7 },
    ...{ quick: true, force_refresh: false },
  };
  for (let times = 0; times < 2; times++) {
    const response = await s.fetch(`/api/models/library?${query}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    expect(await response.json()).toEqual(NO_MODELS as never);
  }
  expect(s.library.calls).toEqual([["list", request], ["list", request]]);
});

test.each([
  ["provider=gitlab", "provider", "hub, url, local"],
  ["status=gone", "status", "downloaded, downloading, failed, available"],
  ["capability=dance", "capability", "predict, completion, chat, embedding, files"],
  ["sort=size", "sort", "size_bytes"],
  ["quick=1", "quick", "true or false"],
  ["force_refresh=yes", "force_refresh", "true or false"],
  ["status=failed&status=failed", "status", ""],
  ["other=1", "other", ""],
])("what is wrong with ?%s is said", async (query, field, hint) => {
  await using s = await running();
  const response = await s.fetch(`/api/models/library?${query}`);
  const problem = await problemOf(response);
  expect(problem).toMatchObject({ status: 400, code: "BAD_QUERY", field });
  expect(problem.hint).toContain(hint);
  expect(s.library.calls).toEqual([]);
});

test("an answer that the client has is not sent again", async () => {
  await using s = await running();
  const first = await s.fetch("/api/models/library");
  expect(first.headers.get("etag")).toBe(ETAG);
  for (const tags of [ETAG, `"other", ${ETAG}`, `W/${ETAG}`, "*"]) {
    const again = await s.fetch("/api/models/library", { headers: { "if-none-match": tags } });
    expect([again.status, again.headers.get("etag"), await again.text()]).toEqual([304, ETAG, ""]);
    expect(again.headers.get("x-request-id")).not.toBeNull();
  }
  const other = await s.fetch("/api/models/library", { headers: { "if-none-match": '"other"' } });
  expect(await other.json()).toEqual(NO_MODELS as never);
});

test("HEAD tells the length, and other methods are refused", async () => {
  await using s = await running();
  const head = await s.fetch("/api/models/library", { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([
    ...[200, String(JSON.stringify(NO_MODELS).length), ""],
  ]);
  const wrong = await s.fetch("/api/models/library", { method: "DELETE" });
  expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
});

test("a token that may not read sees no list, and one in the address none either", async () => {
  await using s = await running();
  s.library.tokens.set("ldr_infer", ["infer"]);
  const headers = { authorization: "Bearer ldr_infer" };
  expect((await s.fetch("/api/models/library", { headers })).status).toBe(403);
  expect((await s.fetch("/api/models/library?token=ldr_infer")).status).toBe(401);
  expect(s.library.calls).toEqual([]);
});

test("the caches are refreshed, shown and set", async () => {
  await using s = await running();
  s.library.tokens.set("ldr_admin", ["admin", "read"]);
  const headers = { authorization: "Bearer ldr_admin" };
  for (const init of [post({}), { method: "POST" }]) {
    expect(await (await s.fetch("/api/models/refresh", init)).json()).toEqual(REFRESHED as never);
  }
  expect(await (await s.fetch("/api/models/cache-info")).json()).toEqual(CACHE_INFO as never);
  for (const body of [{ ttl_seconds: 600 }, { cache_ttl_seconds: 600 }]) {
    const response = await s.fetch("/api/models/cache-config", post(body, headers));
    expect(await response.json()).toMatchObject({ message: "Done", cache_ttl_seconds: 600 });
  }
  expect(s.library.calls).toEqual([
    ...[["listing.refresh"], ["listing.refresh"], ["listing.cacheInfo"]],
    ...[["listing.configureCache", { ttl_seconds: 600 }], ["listing.configureCache", { ttl_seconds: 600 }]],
  ] as never);
});

test("the cache is set by administrators, with one number", async () => {
  await using s = await running();
  s.library.tokens.set("ldr_admin", ["admin", "read"]);
  expect((await s.fetch("/api/models/cache-config", post({ ttl_seconds: 600 }))).status).toBe(401);
  const headers = { authorization: "Bearer ldr_admin" };
  for (
    const body of [{}, { ttl_seconds: "600" }, { ttl_seconds: 600, cache_ttl_seconds: 600 }, { ttl: 600 }]
  ) {
    const response = await s.fetch("/api/models/cache-config", post(body, headers));
    expect([response.status, (await problemOf(response)).code]).toEqual([400, "BAD_BODY"]);
  }
  expect(s.library.calls).toEqual([]);
});

test("requests of one turn of the event loop are answered by one look", async () => {
  const calls: string[] = [];
  const listing = new StandInListing((name) => calls.push(name));
  const access = new AccessGuard({ library: new StandInLibrary(), host: "127.0.0.1" });
  const route = new LibraryRoute({ listing, access });
  const ask = (query: string) =>
    route.answer(new Request(`http://localhost/api/models/library?${query}`), {
      ...{ id: "1", route: "", peer: { trusted: false } },
    });
  for (const query of ["q=a", "q=a", "q=b", "q=a"]) expect((await ask(query)).status).toBe(200);
  expect(calls).toEqual(["list", "listing.noteHit", "list", "listing.noteHit"]);
  await new Promise((resolve) => setTimeout(resolve));
  await ask("q=a");
  expect(calls).toHaveLength(5);
  expect(calls.at(-1)).toBe("list");
});
