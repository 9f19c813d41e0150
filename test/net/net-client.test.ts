import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closedPort, type Fault, fullPort, openedPort, type Origin, startOrigin } from "../helpers/origin.ts";
import { failure, localClient, names } from "./client.ts";

let origin: Origin;
beforeAll(async () => {
  origin = await startOrigin();
});
afterAll(() => origin.close());

test("a request says who it is, wants raw bytes, and passes on what it was given", async () => {
  const url = new URL(origin.file("/plain", new TextEncoder().encode("hello")));
  const response = await localClient().request(url, {
    headers: { Range: "bytes=1-2", Host: "evil.test", "Accept-Encoding": "gzip", Connection: "upgrade" },
    originHeaders: { Authorization: "Bearer t", "X-Custom": "1" },
  });
  expect([response.status, await new Response(response.body).text()]).toEqual([206, "el"]);
  const sent = Object.fromEntries(origin.requests.at(-1)?.headers ?? []);
  expect(sent).toMatchObject({
    "accept-encoding": "identity",
    "user-agent": "larder/test",
    host: `127.0.0.1:${origin.port}`,
    range: "bytes=1-2",
    authorization: "Bearer t",
    "x-custom": "1",
  });
  expect(sent["connection"]).not.toBe("upgrade");
});

test("a compressed answer arrives as it was sent, with the header that says so", async () => {
  const url = new URL(origin.file("/packed", new Uint8Array(1000)));
  origin.fault("/packed", [{ kind: "gzip" }]);
  const response = await localClient().request(url);
  expect(response.headers.get("content-encoding")).toBe("gzip");
  expect(Bun.gunzipSync(await new Response(response.body).arrayBuffer()).length).toBe(1000);
});

test("HEAD and error statuses are answers", async () => {
  const url = new URL(origin.file("/plain", new Uint8Array(5)));
  const head = await localClient().request(url, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "5"]);
  const missing = await localClient().request(new URL(origin.url("/missing")));
  expect(missing.status).toBe(404);
  await missing.body?.cancel();
});

test("N01: a refused connection is UPSTREAM_UNREACHABLE and worth another try", async () => {
  const error = await failure(localClient().request(new URL(`http://127.0.0.1:${await closedPort()}/x`)));
  expect([error.code, error.retryable]).toEqual(["UPSTREAM_UNREACHABLE", true]);
});

test("N01: when one address of a name refuses, the next one is asked", async () => {
  const url = new URL(origin.file("/second", new Uint8Array(1)));
  url.hostname = "files.test";
  const resolve = names({ "files.test": ["127.0.0.9", "127.0.0.1"] });
  const response = await localClient({ allowOrigins: ["http://files.test:*"] }, { resolve }).request(url);
  expect(response.status).toBe(200);
  expect(origin.requests.at(-1)?.headers.get("host")).toBe(`files.test:${origin.port}`);
});

test("N02: a name that nobody knows is DNS, a resolver that stays silent too, in the time for a connection", async () => {
  const policy = { allowOrigins: ["http://files.test"], connectMs: 100 };
  const url = new URL("http://files.test/");
  const unknown = await failure(localClient(policy, { resolve: names({}) }).request(url));
  expect([unknown.code, unknown.retryable]).toEqual(["DNS", true]);
  const resolve = () => new Promise<string[]>(() => {});
  expect((await failure(localClient(policy, { resolve }).request(url))).code).toBe("DNS");
});

test(
  "N03: a connection that is never made ends at the connect deadline, long before the one for headers",
  async () => {
    await using hole = await fullPort();
    const client = localClient({ connectMs: 400, headersMs: 20_000 });
    const from = performance.now();
    const error = await failure(client.request(new URL(`http://127.0.0.1:${hole.port}/x`)));
    expect([error.code, error.retryable, error.details?.["phase"]]).toEqual([
      "UPSTREAM_TIMEOUT",
      true,
      "connect",
    ]);
    expect(performance.now() - from).toBeLessThan(5000);
  },
  20_000,
);

test("N04: a server that accepts and says nothing ends at the deadline for headers", async () => {
  await using silent = await openedPort();
  const client = localClient({ connectMs: 100, headersMs: 600 });
  const from = performance.now();
  const error = await failure(client.request(new URL(`http://127.0.0.1:${silent.port}/x`)));
  expect([error.code, error.retryable, error.details?.["phase"]]).toEqual([
    "UPSTREAM_TIMEOUT",
    true,
    "headers",
  ]);
  expect(performance.now() - from).toBeGreaterThan(550); // a slow answer is not taken for a dead connection
  expect(performance.now() - from).toBeLessThan(5000);
});

describe("N13: a length that is not one plain number is UPSTREAM_PROTOCOL", () => {
  const lengths: Record<string, string | string[]> = {
    twice: ["3", "3"],
    differing: ["3", "4"],
    list: "3, 3",
    negative: "-3",
    garbage: "three",
    "2^64": "18446744073709551616",
    "plus sign": "+3",
    empty: "",
  };
  for (const [name, length] of Object.entries(lengths)) {
    test(name, () => refusesAnswer({ kind: "headers", headers: { "Content-Length": length } }));
  }
  test("beside Transfer-Encoding", () =>
    refusesAnswer({
      kind: "raw",
      bytes:
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    }));
});

describe("N21: a flood of headers, and what is not HTTP, is UPSTREAM_PROTOCOL", () => {
  const head = (lines: string) => `HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\nok`;
  const many = Array.from({ length: 5000 }, (_, i) => `X-${i}: y\r\n`).join("");
  test("5,000 headers", () => refusesAnswer({ kind: "raw", bytes: head(many) }));
  test("500 KB in one header", () =>
    refusesAnswer({ kind: "raw", bytes: head(`X: ${"y".repeat(500_000)}\r\n`) }));
  test("an unasked 101", () =>
    refusesAnswer({ kind: "raw", bytes: "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" }));
  test("status 099", () =>
    refusesAnswer({ kind: "raw", bytes: "HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n" }));
  test("unknown Transfer-Encoding", () =>
    refusesAnswer({ kind: "raw", bytes: "HTTP/1.1 200 OK\r\nTransfer-Encoding: banana\r\n\r\n" }));
});

test("N22: headers that drip in, and 1xx without end, meet the deadline for headers", async () => {
  const url = new URL(origin.file("/slow", new Uint8Array(3)));
  origin.fault("/slow", [{ kind: "header-drip", bytesPerSecond: 200 }]);
  const client = localClient({ headersMs: 400 });
  expect((await failure(client.request(url))).details?.["phase"]).toBe("headers");
  const flood = origin.on("/1xx", async (exchange) => {
    for (;;) {
      await exchange.write("HTTP/1.1 100 Continue\r\n\r\n");
      await Bun.sleep(5);
    }
  });
  expect((await failure(client.request(new URL(flood)))).details?.["phase"]).toBe("headers");
});

test("N24: a kept connection that the server has closed is replaced without a word", async () => {
  const url = new URL(origin.file("/kept", new Uint8Array(3)));
  const client = localClient();
  const get = async () => (await new Response((await client.request(url)).body).bytes()).length;
  expect(await get()).toBe(3);
  origin.dropConnections();
  expect(await get()).toBe(3);
});

test("the caller's abort comes back as its own reason, before the headers and in the body, and closes the connection", async () => {
  await using lonely = await startOrigin();
  const url = new URL(lonely.file("/x", new Uint8Array(100)));
  lonely.fault("/x", [{ kind: "no-headers" }, { kind: "stall", afterBytes: 10 }]);
  const reason = new Error("enough");
  const early = new AbortController();
  const waiting = localClient().request(url, { signal: early.signal });
  setTimeout(() => early.abort(reason), 50);
  expect(await waiting.catch((error) => error)).toBe(reason);

  const late = new AbortController();
  const response = await localClient().request(url, { signal: late.signal });
  const reader = response.body?.getReader();
  await reader?.read();
  const read = reader?.read().catch((error) => error);
  late.abort(reason);
  expect(await read).toBe(reason);
  while (lonely.openConnections > 0) await Bun.sleep(1);

  expect(await localClient().request(url, { signal: AbortSignal.abort(reason) }).catch((error) => error))
    .toBe(reason);
});

async function refusesAnswer(fault: Fault): Promise<void> {
  const url = new URL(origin.file("/odd", new TextEncoder().encode("abc")));
  origin.fault("/odd", [fault]);
  const error = await failure(localClient().request(url));
  expect([error.code, error.retryable]).toEqual(["UPSTREAM_PROTOCOL", false]);
}
