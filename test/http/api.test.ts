import { describe, expect, test } from "bun:test";
import { ERROR_CODES, LarderError } from "../../src/core/index.ts";
import { STATUS_OF } from "../../src/http/index.ts";
import { post, problemOf, type Running, running } from "./setup.ts";

const DIGEST = "a".repeat(64);
const URLS = ["https://models.example/x/model.bin"];

async function admin(): Promise<
  Running & { ask: (method: string, target: string, body?: unknown) => Promise<Response> }
> {
  const s = await running();
  s.library.tokens.set("root", ["read", "pull", "admin"]);
  const headers = { authorization: "Bearer root" };
  const ask = (method: string, target: string, body?: unknown) =>
    s.fetch(target, body === undefined ? { method, headers } : { ...post(body, headers), method });
  return { ...s, ask, [Symbol.asyncDispose]: () => s[Symbol.asyncDispose]() };
}

describe("routes make one call and answer it", () => {
  test.each([
    ["GET", "/api/models/library?q=ir&cursor=a", undefined, 200, ["list", {
      q: "ir",
      cursor: "a",
      limit: 100,
    }]],
    ["GET", "/api/models/acme/tiny", undefined, 200, ["describe", "acme/tiny"]],
    ["GET", "/api/models/acme%2Ftiny", undefined, 200, ["describe", "acme/tiny"]],
    ["GET", "/api/models/acme/tiny@1.0", undefined, 200, ["describe", "acme/tiny@1.0"]],
    ["GET", "/api/models/acme/tiny%401.0", undefined, 200, ["describe", "acme/tiny@1.0"]],
    ["GET", "/api/models/acme/tiny?version=1.0", undefined, 200, ["describe", "acme/tiny@1.0"]],
    ["GET", "/api/models/a/b/c@latest/path", undefined, 200, ["path", "a/b/c@latest"]],
    ["GET", "/api/models/acme/tiny/path?layout=hf", undefined, 200, ["path", "acme/tiny", { layout: "hf" }]],
    ["DELETE", "/api/models/iris@1.0", undefined, 200, ["remove", "iris@1.0"]],
    ["PUT", "/api/models/acme/tiny/aliases/stable", { version: "1.0" }, 200, [
      "setAlias",
      "acme/tiny",
      "stable",
      "1.0",
    ]],
    ["DELETE", "/api/models/acme/tiny/aliases/stable", undefined, 204, [
      "removeAlias",
      "acme/tiny",
      "stable",
    ]],
    ["PUT", "/api/models/acme/tiny/aliases/best", { metric: "mae", better: "lower" }, 200, [
      "setBestMetric",
      "acme/tiny",
      { metric: "mae", better: "lower" },
    ]],
    ["PUT", "/api/models/iris/aliases/best", { metric: "f1" }, 200, ["setBestMetric", "iris", {
      metric: "f1",
    }]],
    ["DELETE", "/api/models/iris/aliases/best", undefined, 204, ["removeAlias", "iris", "best"]],
    ["POST", "/api/models/import", { path: "/m", model: "iris", mode: "copy" }, 202, ["importPath", {
      path: "/m",
      model: "iris",
      mode: "copy",
    }]],
    ["POST", "/api/models/import", { path: "/m", model: "iris", metrics: { f1: 0.5 } }, 202, ["importPath", {
      path: "/m",
      model: "iris",
      metrics: { f1: 0.5 },
    }]],
    ["GET", "/api/pulls?limit=5&active=true", undefined, 200, ["listPulls", { limit: 5, active: true }]],
    ["GET", "/api/pulls/p1", undefined, 200, ["getPull", "p1"]],
    ["POST", "/api/pulls/p1/pause", undefined, 200, ["pausePull", "p1"]],
    ["POST", "/api/pulls/p1/resume", undefined, 200, ["resumePull", "p1"]],
    ["DELETE", "/api/pulls/p1", undefined, 200, ["cancelPull", "p1"]],
    ["GET", "/api/limits", undefined, 200, ["getLimits"]],
    ["PUT", "/api/limits", { rate_bytes_per_s: 5 }, 200, ["setLimits", { rate_bytes_per_s: 5 }]],
    ["POST", "/api/verify", { targets: ["iris"] }, 202, ["verify", { targets: ["iris"] }]],
    ["POST", "/api/repair", undefined, 202, ["repair", {}]],
    ["POST", "/api/gc", { dry_run: true, grace_s: 0 }, 202, ["gc", { dry_run: true, grace_s: 0 }]],
    ["GET", "/api/jobs", undefined, 200, ["listJobs"]],
    ["GET", "/api/jobs/j1", undefined, 200, ["getJob", "j1"]],
    ["DELETE", "/api/jobs/j1", undefined, 200, ["cancelJob", "j1"]],
    ["GET", "/api/tokens", undefined, 200, ["listTokens"]],
    ["POST", "/api/tokens", { name: "ci", scopes: ["read"], expires_in_s: 60 }, 201, ["createToken", {
      name: "ci",
      scopes: ["read"],
      expires_in_s: 60,
    }]],
    ["DELETE", "/api/tokens/t1", undefined, 204, ["removeToken", "t1"]],
    ["GET", "/health/ready", undefined, 200, ["health"]],
  ])("%s %s", async (method, target, body, status, call) => {
    await using s = await admin();
    const response = await s.ask(method, target, body);
    expect([response.status, s.library.calls]).toEqual(
      [status, [call]] as unknown as typeof response.status[],
    );
  });

  test("readiness is 503 with the reasons when something is missing", async () => {
    await using s = await running();
    s.library.healthy = false;
    const response = await s.fetch("/health/ready");
    expect([response.status, (await response.text()).includes("degraded")]).toEqual([503, true]);
  });
});

describe("POST /api/models/download", () => {
  test("takes urls and digest for one file, named by its first address", async () => {
    await using s = await running();
    const body = {
      model: "iris",
      revision: "1.0",
      urls: URLS,
      sha256: `sha256:${DIGEST}`,
      size: 7,
      aliases: ["stable"],
    };
    expect((await s.fetch("/api/models/download", post(body))).status).toBe(202);
    expect(s.library.calls).toEqual([["pull", {
      model: "iris",
      revision: "1.0",
      aliases: ["stable"],
      files: [{ path: "model.bin", urls: URLS, sha256: `sha256:${DIGEST}`, size: 7 }],
    }]]);
  });

  test("takes several files with their options", async () => {
    await using s = await running();
    const files = [
      { path: "a/b.bin", urls: URLS, sha256: DIGEST, chunks: [DIGEST] },
      { path: "c", urls: ["https://x.example/c.gz"], decompress: "none" },
    ];
    expect((await s.fetch("/api/models/download", post({ model: "iris", variant: "q4", files }))).status)
      .toBe(202);
    expect(s.library.calls).toEqual([["pull", { model: "iris", variant: "q4", files }]]);
  });

  const file = (more: object) => ({ model: "iris", files: [{ path: "x", urls: URLS, ...more }] });
  test.each([
    ["both forms", { model: "iris", urls: URLS, files: [{ path: "x", urls: URLS }] }, "BAD_BODY", "urls"],
    ["a digest without an address", { model: "iris", sha256: DIGEST }, "BAD_BODY", "sha256"],
    ["no model", { urls: URLS }, "BAD_BODY", "model"],
    ["an unknown key", { ...file({}), extra: 1 }, "BAD_BODY", "extra"],
    ["an unknown key of a file", file({ extra: 1 }), "BAD_BODY", "files[0].extra"],
    ["no addresses", file({ urls: [] }), "BAD_BODY", "files[0].urls"],
    ["an address that names no file", { model: "iris", urls: ["https://x.example/"] }, "BAD_SOURCE", "urls"],
    [
      "an address with an encoded traversal",
      { model: "iris", urls: ["https://x.example/..%2fx"] },
      "BAD_SOURCE",
      "urls",
    ],
    ["another scheme", file({ urls: ["file:///etc/passwd"] }), "BAD_SOURCE", "urls"],
    ["an address with a password", file({ urls: ["https://a:b@x.example/y"] }), "BAD_SOURCE", "urls"],
    ["M12: a digest that is a path", file({ sha256: "sha256:../../x" }), "BAD_DIGEST", "sha256"],
    ["M12: an upper-case digest", file({ sha256: "A".repeat(64) }), "BAD_DIGEST", "sha256"],
    ["M12: a short digest", file({ sha256: "a".repeat(63) }), "BAD_DIGEST", "sha256"],
    ["M12: another algorithm", file({ sha256: `sha512:${DIGEST}` }), "BAD_DIGEST", "sha256"],
    ["M12: an empty digest", file({ sha256: "" }), "BAD_DIGEST", "sha256"],
    ["M12: a wrong chunk digest", file({ chunks: ["x"] }), "BAD_DIGEST", "sha256"],
    ["a negative size", file({ size: -1 }), "BAD_SIZE", "files[0].size"],
    ["a broken size", file({ size: 1.5 }), "BAD_SIZE", "files[0].size"],
    ["a size as text", file({ size: "10" }), "BAD_SIZE", "files[0].size"],
    ["M01: a path that leaves", file({ path: "../x" }), "BAD_PATH", "path"],
    ["M04: a backslash", file({ path: "a\\b" }), "BAD_PATH", "path"],
    ["M05: NUL", file({ path: "a\0b" }), "BAD_PATH", "path"],
    ["M08: a lone surrogate", file({ path: "a\ud800" }), "BAD_PATH", "path"],
    ["M11: a control character", file({ path: "a\u001bb" }), "BAD_PATH", "path"],
    ["M18: a route's name", { model: "api/x", urls: URLS }, "BAD_NAME", "model"],
    ["M18: a route's name", { model: "healthz", urls: URLS }, "BAD_NAME", "model"],
    ["M18: a word of a route", { model: "acme/path", urls: URLS }, "BAD_NAME", "model"],
    ["a computed alias", { model: "iris", urls: URLS, aliases: ["latest"] }, "BAD_ALIAS", "alias"],
    ["a computed version", { model: "iris", urls: URLS, revision: "latest" }, "BAD_NAME", "version"],
  ])("refuses %s", async (_what, body, code, field) => {
    await using s = await running();
    const response = await s.fetch("/api/models/download", post(body));
    const problem = await problemOf(response);
    expect([response.status, problem.code, problem.field]).toEqual([400, code, field]);
    expect(problem.hint).toBeTruthy();
    expect(s.library.calls).toEqual([]);
  });

  test.each(['{"model": ', "", "[]", "null", '"x"', '{"__proto__": {"model": "iris"}}'])(
    "refuses the body %j",
    async (body) => {
      await using s = await running();
      const response = await s.fetch("/api/models/download", { ...post({}), body });
      expect([response.status, (await problemOf(response)).code]).toEqual([400, "BAD_BODY"]);
      expect(s.library.calls).toEqual([]);
    },
  );
});

describe("queries", () => {
  test.each([["1e9", 1000], ["1001", 1000], ["1000", 1000], ["7", 7]])(
    "A31: ?limit=%s means %d",
    async (limit, used) => {
      await using s = await running();
      await s.fetch(`/api/models/library?limit=${limit}`);
      expect(s.library.calls).toEqual([["list", { limit: used }]]);
    },
  );

  test.each([
    "limit=0",
    "limit=-1",
    "limit=ten",
    "limit=",
    "limit=1&limit=2",
    "limits=5",
    "q=a&q=b",
    "limit=NaN",
  ])(
    "?%s is 400",
    async (query) => {
      await using s = await running();
      const response = await s.fetch(`/api/models/library?${query}`);
      expect([response.status, (await problemOf(response)).code]).toEqual([400, "BAD_QUERY"]);
    },
  );

  test("two versions are one too many", async () => {
    await using s = await running();
    const response = await s.fetch("/api/models/iris@1?version=2");
    expect([response.status, (await problemOf(response)).code]).toEqual([400, "BAD_QUERY"]);
  });
});

describe("names in addresses", () => {
  test.each([
    ["M02: encoded separators", "/api/models/..%2f..%2fetc"],
    ["M03: encoded twice", "/api/models/%252e%252e"],
    ["M05: NUL", "/api/models/iris%00"],
    ["M06: invalid UTF-8", "/api/models/%ff"],
    ["M11: a line feed", "/api/models/a%0ab"],
    ["M18: a route", "/api/models/api"],
    ["four parts", "/api/models/a/b/c/d"],
    ["a wrong version", "/api/models/iris@.."],
    ["nothing", "/api/models/"],
  ])("%s is 400", async (_what, target) => {
    await using s = await running();
    const response = await s.fetch(target);
    expect([response.status, (await problemOf(response)).code]).toEqual([400, "BAD_NAME"]);
    expect(s.library.calls).toEqual([]);
  });

  test.each<[string, object, string, string]>([
    ["best without a metric", {}, "BAD_BODY", "metric"],
    ["best as a version", { version: "1" }, "BAD_BODY", "metric"],
    ["best by no name of a metric", { metric: "a b" }, "BAD_NAME", "metric"],
    ["best the other way", { metric: "f1", better: "best" }, "BAD_BODY", "better"],
  ])("%s is 400", async (_what, body, code, field) => {
    await using s = await admin();
    const response = await s.ask("PUT", "/api/models/iris/aliases/best", body);
    expect([response.status, await problemOf(response)]).toMatchObject([400, { code, field }]);
    expect(s.library.calls).toEqual([]);
  });

  test("an alias without a version is 400", async () => {
    await using s = await admin();
    const response = await s.ask("PUT", "/api/models/iris/aliases/stable", { metric: "f1" });
    expect([response.status, await problemOf(response)]).toMatchObject([400, {
      code: "BAD_BODY",
      field: "version",
    }]);
  });

  test("a metric that is no number is 400", async () => {
    await using s = await admin();
    const response = await s.ask("POST", "/api/models/import", {
      path: "/m",
      model: "i",
      metrics: { f1: "1" },
    });
    expect([response.status, await problemOf(response)]).toMatchObject([400, {
      code: "BAD_BODY",
      field: "metrics.f1",
    }]);
  });

  test("an alias that is computed cannot be set", async () => {
    await using s = await admin();
    const response = await s.ask("PUT", "/api/models/iris/aliases/latest", { version: "1" });
    expect([response.status, (await problemOf(response)).code]).toEqual([400, "BAD_ALIAS"]);
  });
});

describe("errors", () => {
  test("every code has a status of its kind", () => {
    expect(Object.keys(STATUS_OF).toSorted()).toEqual([...ERROR_CODES].toSorted());
    for (const [code, status] of Object.entries(STATUS_OF)) {
      if (code.startsWith("BAD_") && code !== "BAD_STATE") expect([code, status]).toEqual([code, 400]);
      if (code.endsWith("_NOT_FOUND") && !code.startsWith("UPSTREAM")) {
        expect([code, status]).toEqual([code, 404]);
      }
    }
  });

  test("are problem+json with what the client can do", async () => {
    await using s = await running();
    const error = new LarderError("BLOB_REPAIRING", "Cannot give it yet", {
      retryable: true,
      retryAfterS: 1.2,
      hint: "Wait.",
      details: { chunks: 3 },
    });
    s.library.failures.set("getPull", error);
    const response = await s.fetch("/api/pulls/p1");
    expect(response.status).toBe(503);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("retry-after")).toBe("2");
    expect(await response.json()).toEqual({
      type: "urn:larder:problem:blob-repairing",
      title: "Blob repairing",
      status: 503,
      detail: "Cannot give it yet",
      code: "BLOB_REPAIRING",
      retryable: true,
      retry_after_s: 1.2,
      hint: "Wait.",
      details: { chunks: 3 },
      request_id: response.headers.get("x-request-id"),
    });
  });
});
