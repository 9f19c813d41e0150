import { describe, expect, test } from "bun:test";
import { createApp } from "../../src/http/app.ts";
import { AccessGuard } from "../../src/http/guard/access.ts";
import { isLarderError } from "../../src/core/index.ts";
import { Metrics } from "../../src/metrics/index.ts";
import { rawGet, rawRequest } from "./raw-client.ts";
import { post, problemOf, running } from "./setup.ts";
import { StandInLibrary } from "./stand-in.ts";

const ADMIN_WRITES: ReadonlyArray<readonly [string, string, unknown]> = [
  ["DELETE", "/api/models/iris", undefined],
  ["PUT", "/api/models/iris/aliases/stable", { version: "1" }],
  ["DELETE", "/api/models/iris/aliases/stable", undefined],
  ["POST", "/api/models/import", { path: "/x", model: "iris" }],
  ["POST", "/api/models/import-hub-cache", { path: "/x" }],
  ["GET", "/api/hub/token", undefined],
  ["PUT", "/api/hub/token", { token: "hf_x" }],
  ["DELETE", "/api/hub/token", undefined],
  ["POST", "/api/verify", {}],
  ["POST", "/api/repair", {}],
  ["POST", "/api/gc", {}],
  ["DELETE", "/api/jobs/j1", undefined],
  ["PUT", "/api/limits", { pulls_at_once: 1 }],
  ["POST", "/api/tokens", { name: "x", scopes: ["read"] }],
  ["DELETE", "/api/tokens/t1", undefined],
  ["GET", "/api/tokens", undefined],
];

describe("who may", () => {
  test.each(ADMIN_WRITES)("A01: %s %s without a token is 401", async (method, target, body) => {
    await using s = await running();
    const init = body === undefined ? { method } : { ...post(body), method };
    const response = await s.fetch(target, init);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toStartWith("Bearer");
    expect((await problemOf(response)).code).toBe("UNAUTHORIZED");
    expect(s.library.calls).toEqual([]);
  });

  test("A01: every route but health asks for a token when the server is closed", async () => {
    const library = new StandInLibrary();
    library.open = false;
    const access = new AccessGuard({ library, host: "127.0.0.1" });
    const metrics = new Metrics();
    const app = createApp({
      library,
      access,
      metrics,
      bodyBytesMax: 1000,
      stopped: new AbortController().signal,
    });
    const routes = new Map(
      app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => [`${method} ${path}`, {
        method,
        path,
      }]),
    );
    expect(routes.size).toBeGreaterThan(25);
    for (const [name, { method, path }] of routes) {
      if (path.startsWith("/health/")) continue;
      const target = `http://127.0.0.1${path.replace(":id", "x").replace("*", "iris")}`;
      const exchange = { id: "r", peer: { trusted: false }, route: "" };
      const answer = app.fetch(new Request(target, { method }), { exchange });
      const error = await Promise.resolve(answer).then(() => undefined, (thrown: unknown) => thrown);
      expect([name, isLarderError(error) ? error.code : error]).toEqual([name, "UNAUTHORIZED"]);
    }
    expect(library.calls).toEqual([]);
  });

  test("A01: files ask for a token when the server is closed, health does not", async () => {
    await using s = await running();
    await s.library.addFile("iris", "1", "x", `${s.folder.path}/x`, new Uint8Array(3));
    expect((await s.fetch("/api/files/iris/1/x")).status).toBe(200);
    s.library.open = false;
    expect((await s.fetch("/api/files/iris/1/x")).status).toBe(401);
    expect((await s.fetch("/metrics")).status).toBe(401);
    expect((await s.fetch("/health/live")).status).toBe(200);
    expect((await s.fetch("/health/ready")).status).toBe(200);
  });

  test("a token opens what its scopes say and is FORBIDDEN elsewhere", async () => {
    await using s = await running();
    s.library.open = false;
    s.library.tokens.set("reader", ["read"]);
    const headers = { authorization: "Bearer reader" };
    expect((await s.fetch("/api/pulls", { headers })).status).toBe(200);
    const response = await s.fetch("/api/gc", post({}, headers));
    expect(response.status).toBe(403);
    expect((await problemOf(response)).code).toBe("FORBIDDEN");
    expect(s.library.calls).toEqual([["listPulls", { limit: 100 }]]);
  });

  test("an unknown token is refused even where none is needed", async () => {
    await using s = await running();
    const response = await s.fetch("/api/pulls", { headers: { authorization: "Bearer nobody" } });
    expect(response.status).toBe(401);
  });

  test.each([
    ["a token in the address", "/api/pulls?token=good", []],
    ["a lower-case scheme", "/api/pulls", ["Authorization: bearer good"]],
    ["another scheme", "/api/pulls", ["Authorization: Basic Z29vZDpnb29k"]],
    ["two headers", "/api/pulls", ["Authorization: Bearer good", "Authorization: Bearer good"]],
  ])("A11: %s is refused", async (_what, target, headers) => {
    await using s = await running();
    s.library.tokens.set("good", ["read"]);
    const answer = await rawGet(s.port, target, ...headers);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toStartWith("Bearer");
    expect(s.library.calls).toEqual([]);
  });
});

describe("which host", () => {
  test.each(["evil.example", "evil.example:7420", "127.0.0.1.evil.example", "10.1.2.3"])(
    "A03: Host %s is 421",
    async (host) => {
      await using s = await running();
      const answer = await rawRequest(
        s.port,
        `GET /health/live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer.status).toBe(421);
      expect(JSON.parse(answer.body.toString()).code).toBe("HOST");
    },
  );

  test("A03: another bind address checks names too, and takes plain addresses", async () => {
    await using s = await running({ allowHosts: ["box.local"] });
    const library = new StandInLibrary();
    library.open = false;
    const { startHttp } = await import("../../src/http/index.ts");
    const { CONFIG } = await import("./setup.ts");
    const open = await startHttp({ library, config: { ...CONFIG, host: "0.0.0.0" } });
    const ask = (port: number, host: string) =>
      rawRequest(port, `GET /health/live HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    try {
      const port = Number(open.url.port);
      expect((await ask(port, "evil.example")).status).toBe(421);
      expect((await ask(port, "10.1.2.3:80")).status).toBe(200);
      expect((await ask(s.port, "Box.Local:9")).status).toBe(200);
      expect((await ask(s.port, "[::1]:9")).status).toBe(200);
    } finally {
      await open.stop();
    }
  });

  test.each([
    ["A04: two Host headers", "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n"],
    ["A05: a Host with a user", "Host: a@127.0.0.1\r\n"],
    ["A05: a Host with a fragment", "Host: 127.0.0.1#x\r\n"],
    ["A05: a Host with a path", "Host: 127.0.0.1/x\r\n"],
    ["A05: an empty Host", "Host: \r\n"],
  ])("%s is 400", async (_what, host) => {
    await using s = await running();
    const answer = await rawRequest(s.port, `GET /api/pulls HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    expect(answer.status).toBe(400);
    expect(s.library.calls).toEqual([]);
  });

  test("A06: of an absolute-form target only the path counts", async () => {
    await using s = await running();
    expect((await rawGet(s.port, "http://evil.example/api/pulls")).status).toBe(200);
    expect((await rawGet(s.port, "http://evil.example/api/nothing")).status).toBe(404);
  });
});

describe("from which page", () => {
  test.each([
    ["A07: another site", { origin: "https://evil.example" }],
    ["A07: another site by Sec-Fetch-Site", { "sec-fetch-site": "cross-site" }],
    ["A07: a sibling site", { "sec-fetch-site": "same-site" }],
    ["A08: no origin to name", { origin: "null" }],
    ["A08: a wildcard", { origin: "*" }],
    ["A08: our name as a suffix", { origin: "http://evil-127.0.0.1" }],
    ["A08: our name as a prefix", { origin: "http://127.0.0.1.evil.example" }],
    ["A08: another port of this machine", { origin: "http://127.0.0.1:1" }],
  ])("%s may not write: 403", async (_what, headers) => {
    await using s = await running();
    const response = await s.fetch("/api/pulls/p1/pause", {
      method: "POST",
      headers: headers as Record<string, string>,
    });
    expect(response.status).toBe(403);
    expect((await problemOf(response)).code).toBe("ORIGIN");
    expect(s.library.calls).toEqual([]);
  });

  test("a page of this server may write", async () => {
    await using s = await running();
    const origin = `http://127.0.0.1:${s.port}`;
    const headers = { origin, "sec-fetch-site": "same-origin" };
    expect((await s.fetch("/api/pulls/p1/pause", { method: "POST", headers })).status).toBe(200);
  });

  test("A07: a form's content types are 415", async () => {
    await using s = await running();
    for (
      const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    ) {
      const init = { ...post({ model: "iris" }), headers: { "content-type": type } };
      expect((await s.fetch("/api/models/download", init)).status).toBe(415);
    }
    expect(s.library.calls).toEqual([]);
  });

  test("A08: no answer allows another origin to read", async () => {
    await using s = await running();
    for (const method of ["GET", "OPTIONS"]) {
      const response = await s.fetch("/api/pulls", { method, headers: { origin: "https://evil.example" } });
      const allowing = [...response.headers.keys()].filter((name) => name.startsWith("access-control"));
      expect(allowing).toEqual([]);
    }
  });
});

describe("how much", () => {
  test("A12: a body over the limit is 413 by its length", async () => {
    await using s = await running();
    const response = await s.fetch("/api/models/download", post({ model: "iris", pad: "x".repeat(3000) }));
    expect(response.status).toBe(413);
    expect((await problemOf(response)).code).toBe("TOO_LARGE");
    const head =
      "POST /api/models/download HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
    const answer = await rawRequest(s.port, `${head}Connection: close\r\nContent-Length: 99999999\r\n\r\n`);
    expect(answer.status).toBe(413);
  });

  test.each([3, 20])("A12: a chunked body over the limit is 413 (%d kB)", async (kilobytes) => {
    await using s = await running();
    const head =
      "POST /api/models/download HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
    const chunks = `3e8\r\n${"x".repeat(1000)}\r\n`.repeat(kilobytes);
    const answer = await rawRequest(
      s.port,
      `${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    );
    expect(answer.status).toBe(413);
    expect(s.library.calls).toEqual([]);
  });

  test("a body within the limit may be chunked", async () => {
    await using s = await running();
    const head = "POST /api/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
    s.library.tokens.set("root", ["admin"]);
    const answer = await rawRequest(
      s.port,
      `${head}Authorization: Bearer root\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{"dry_run": true}\r\n0\r\n\r\n`
        .replace("\r\n10\r\n", "\r\n11\r\n"),
    );
    expect(answer.status).toBe(202);
    expect(s.library.calls).toEqual([["verify", { dry_run: true }]]);
  });

  test("A25: requests beyond connections_max are 503 with Retry-After", async () => {
    await using s = await running({ connectionsMax: 2 });
    const left = new AbortController();
    const watchers = await Promise.all(
      [1, 2].map(() => s.fetch("/api/pulls/p1/events", { signal: left.signal })),
    );
    expect(watchers.map(({ status }) => status)).toEqual([200, 200]);
    const response = await s.fetch("/api/pulls");
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect((await problemOf(response)).code).toBe("TOO_MANY");
    left.abort();
  });
});

test("A18: an unforeseen error is a bare 500 with an id, and nothing of it is shown", async () => {
  await using s = await running();
  s.library.failures.set("listPulls", new Error("canary-7f3a at /home/secret"));
  const response = await s.fetch("/api/pulls");
  const text = await response.text();
  expect(response.status).toBe(500);
  expect(text).not.toContain("canary");
  expect(text).not.toContain("secret");
  expect(JSON.parse(text)).toMatchObject({
    code: "INTERNAL",
    request_id: response.headers.get("x-request-id"),
  });
});

test("a client's own X-Request-Id is not taken", async () => {
  await using s = await running();
  const response = await s.fetch("/health/live", { headers: { "x-request-id": "mine" } });
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-z]+$/);
});

test("A28: methods that no route has are 405", async () => {
  await using s = await running();
  for (const method of ["TRACE", "PATCH", "OPTIONS"]) {
    const answer = await rawRequest(
      s.port,
      `${method} /api/pulls HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
    );
    expect(answer.status).toBe(405);
  }
  const response = await s.fetch("/api/gc");
  expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
});
