import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Hub, startHub } from "../helpers/hub.ts";
import { closedPort, openedPort, startOrigin } from "../helpers/origin.ts";
import { failure, localClient } from "../net/client.ts";
import { clientOf, hastyClock, TINY } from "./setup.ts";

const INFO = "/api/models/acme/tiny/revision/main";

let first: Hub;
let second: Hub;
let commit: string;
beforeAll(async () => {
  [first, second] = await Promise.all([startHub({ pageFiles: 1 }), startHub({ pageFiles: 1 })]);
  for (const hub of [first, second]) {
    commit = hub.repository({ id: "acme/tiny" }).commit({ "config.json": "{}", "model.onnx": "weights" });
  }
  second.repository({ id: "acme/rare" }).commit({ "config.json": "{}" });
});
beforeEach(() => [first, second].forEach((hub) => hub.reset()));
afterAll(async () => {
  for (const hub of [first, second]) await hub[Symbol.asyncDispose]();
});

test("the second endpoint is not asked while the first one answers", async () => {
  expect((await clientOf([first.endpoint, second.endpoint]).scan(TINY)).endpoint).toBe(first.endpoint);
  expect(second.requests).toEqual([]);
});

test("an endpoint that refuses connections is left at once for the next", async () => {
  const clock = hastyClock();
  const closed = `http://127.0.0.1:${await closedPort()}`;
  const listing = await clientOf([closed, second.endpoint], { tries: 3, clock }).scan(TINY);
  expect([listing.endpoint, clock.waits]).toEqual([second.endpoint, []]);
});

test("an endpoint that never answers is left for the next", async () => {
  await using silent = await openedPort();
  const net = localClient({ headersMs: 100 });
  const listing = await clientOf([`http://127.0.0.1:${silent.port}`, second.endpoint], { net, tries: 3 })
    .scan(TINY);
  expect([listing.endpoint, silent.accepted()]).toEqual([second.endpoint, 1]);
});

test("an endpoint whose answer stops in the middle is left for the next", async () => {
  await using origin = await startOrigin();
  origin.on(INFO, async (exchange) => {
    await exchange.head(200, { "Content-Length": "100" });
    await exchange.write(Buffer.from("{"));
    await exchange.stall();
  });
  const listing = await clientOf([origin.origin, second.endpoint], { stallMs: 100 }).scan(TINY);
  expect(listing.endpoint).toBe(second.endpoint);
  expect((await failure(clientOf([origin.origin], { stallMs: 100 }).scan(TINY))).code).toBe(
    "UPSTREAM_TIMEOUT",
  );
});

test("5xx is tried again with growing pauses, then the next endpoint is asked", async () => {
  const clock = hastyClock();
  first.api.fault(INFO, Array(3).fill({ kind: "status", status: 503 }));
  const options = { tries: 3, clock, backoff: { baseMs: 100, maxMs: 1000 }, random: () => 0.5 };
  const listing = await clientOf([first.endpoint, second.endpoint], options).scan(TINY);
  expect([listing.endpoint, first.requests.length, clock.waits]).toEqual([second.endpoint, 3, [50, 100]]);
});

test("5xx that passes is no reason to leave", async () => {
  first.api.fault(INFO, [{ kind: "status", status: 500 }, { kind: "status", status: 502 }]);
  const listing = await clientOf([first.endpoint, second.endpoint], { tries: 3, clock: hastyClock() }).scan(
    TINY,
  );
  expect(listing.endpoint).toBe(first.endpoint);
});

test("a page of files that is lost in the middle begins the listing anew at the next endpoint", async () => {
  const tree = `/api/models/acme/tiny/tree/${commit}`;
  let pages = 0;
  first.api.on(tree, async (exchange) => {
    if (pages++ > 0) return await exchange.answer(500);
    const link = `<${first.endpoint}${tree}?cursor=x>; rel="next"`;
    const page = [{ type: "file", path: "config.json", size: 2, oid: "0".repeat(40) }];
    await exchange.answer(200, { "Content-Type": "application/json", Link: link }, JSON.stringify(page));
  });
  const listing = await clientOf([first.endpoint, second.endpoint]).scan(TINY);
  expect([listing.endpoint, listing.files.length, pages]).toEqual([second.endpoint, 2, 2]);
});

test("429 is tried again when Retry-After has passed", async () => {
  const clock = hastyClock();
  second.rateLimit({ count: 2, retryAfterS: 7 });
  await clientOf([second.endpoint], { tries: 3, clock }).scan(TINY);
  expect([clock.waits, second.requests.map(({ status }) => status)]).toEqual([[7000, 7000], [
    429,
    429,
    200,
    200,
    200,
  ]]);
});

test("429 that lasts is UPSTREAM_RATE_LIMITED with the time to wait", async () => {
  second.rateLimit({ count: 3, retryAfterS: 7 });
  const error = await failure(clientOf([second.endpoint], { tries: 3, clock: hastyClock() }).scan(TINY));
  expect([error.code, error.retryable, error.retryAfterS]).toEqual(["UPSTREAM_RATE_LIMITED", true, 7]);
});

test("the time may stand in RateLimit alone", async () => {
  await using origin = await startOrigin();
  origin.on(INFO, (exchange) => exchange.answer(429, { RateLimit: `"api";r=0;t=55` }, "{}"));
  expect((await failure(clientOf([origin.origin]).scan(TINY))).retryAfterS).toBe(55);
});

test("what the hub lacks may be at a mirror", async () => {
  const rare = { kind: "model", id: "acme/rare" } as const;
  expect((await clientOf([first.endpoint, second.endpoint]).scan(rare)).endpoint).toBe(second.endpoint);
});

test("when a mirror lacks it too, the hub's answer stands, and what each one said is told", async () => {
  first.repository({ id: "acme/here" }).commit({ "config.json": "{}" });
  const here = { kind: "model", id: "acme/here" } as const;
  const error = await failure(clientOf([first.endpoint, second.endpoint]).scan(here, "nowhere"));
  expect(error.code).toBe("REVISION_NOT_FOUND");
  expect(error.details?.["endpoints"]).toEqual([
    { origin: first.endpoint, code: "REVISION_NOT_FOUND" },
    { origin: second.endpoint, code: "REPO_NOT_FOUND" },
  ]);
});

test("a hub that cannot be reached is not turned into a missing repository by its mirror", async () => {
  const closed = `http://127.0.0.1:${await closedPort()}`;
  const missing = { kind: "model", id: "acme/none" } as const;
  const error = await failure(clientOf([closed, second.endpoint]).scan(missing));
  expect([error.code, error.retryable]).toEqual(["UPSTREAM_UNREACHABLE", true]);
});

test("commitOf(), read() and a path below the origin work at a mirror too", async () => {
  await using origin = await startOrigin();
  origin.on(`/hf${INFO}`, (exchange) => exchange.answer(200, {}, JSON.stringify({ sha: commit })));
  origin.file(`/hf/acme/tiny/resolve/${commit}/config.json`, Buffer.from("{}"));
  const closed = `http://127.0.0.1:${await closedPort()}`;
  const client = clientOf([closed, `${origin.origin}/hf/`]);
  expect(await client.commitOf(TINY)).toBe(commit);
  expect(await client.read({ repo: TINY, commit }, "config.json")).toHaveLength(2);
});
