import { describe, expect, test } from "bun:test";
import { ERROR_CODES, type ErrorCode, LarderError } from "../../../src/core/index.ts";
import { openaiRefusal } from "../../../src/http/openai/refusal.ts";
import { rawRequest } from "../raw-client.ts";
import { errorOf, running } from "./setup.ts";

const BODY = { model: "acme/tiny", prompt: "x" };

describe("errors of the library", () => {
  test.each<[ErrorCode, number, string, string, string | null]>([
    ["MODEL_NOT_FOUND", 404, "invalid_request_error", "model_not_found", "model"],
    ["VERSION_NOT_FOUND", 404, "invalid_request_error", "model_not_found", "model"],
    ["VARIANT_NOT_FOUND", 404, "invalid_request_error", "model_not_found", "model"],
    ["REPO_NOT_FOUND", 404, "invalid_request_error", "model_not_found", "model"],
    ["BAD_INPUT", 400, "invalid_request_error", "bad_input", null],
    ["NOT_SUPPORTED", 400, "invalid_request_error", "unsupported_value", "model"],
    ["HUB_GATED", 403, "permission_error", "hub_gated", null],
    ["MODEL_QUEUE_FULL", 429, "rate_limit_error", "rate_limit_exceeded", null],
    ["MODEL_LOADING", 503, "server_error", "model_loading", null],
    ["CACHE_FULL", 503, "server_error", "cache_full", null],
    ["MODEL_SET_ASIDE", 503, "server_error", "model_set_aside", null],
    ["MODEL_TOO_LARGE", 507, "server_error", "model_too_large", null],
    ["MODEL_CRASHED", 500, "server_error", "model_crashed", null],
  ])("%s is %d %s", async (code, status, type, word, param) => {
    await using s = await running();
    s.models.failures.set("generate", new LarderError(code, "Cannot do it"));
    const response = await s.ask("/v1/completions", BODY);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect([response.status, await errorOf(response)]).toEqual([status, {
      message: "Cannot do it",
      type,
      param,
      code: word,
    }]);
  });

  test("name the field, say what to do, when to come again and whether that helps", async () => {
    await using s = await running();
    const error = new LarderError("MODEL_QUEUE_FULL", "Cannot wait for acme/tiny", {
      field: "prompt",
      hint: "Ask less at once.",
      retryable: true,
      retryAfterS: 0.2,
    });
    s.models.failures.set("generate", error);
    const { headers, ...response } = await s.ask("/v1/completions", BODY).then(async (answer) => {
      return { headers: answer.headers, error: await errorOf(answer) };
    });
    expect([headers.get("retry-after"), headers.get("x-should-retry")]).toEqual(["1", "true"]);
    expect(response.error).toMatchObject({
      message: "Cannot wait for acme/tiny. Ask less at once.",
      param: "prompt",
    });
  });

  test("all have a type that fits their status", async () => {
    for (const code of ERROR_CODES) {
      const response = openaiRefusal(new LarderError(code, "Cannot"), "r1");
      const { type } = await errorOf(response);
      expect([code, type === "server_error"]).toEqual([code, response.status >= 500]);
    }
  });

  test("that are bugs tell nothing", async () => {
    await using s = await running();
    s.models.failures.set("generate", new TypeError("secret"));
    const response = await s.ask("/v1/completions", BODY);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect([response.status, await errorOf(response)]).toEqual([500, {
      message: "Cannot answer: something inside went wrong",
      type: "server_error",
      param: null,
      code: "internal_error",
    }]);
  });
});

describe("what is refused before any route", () => {
  test.each<[string, string, RequestInit, number, string]>([
    ["an address that is not there", "/v1/responses", { method: "POST" }, 404, "unknown_url"],
    ["another method", "/v1/chat/completions", { method: "GET" }, 405, "method_not_allowed"],
    ["a method of no route", "/v1/models/iris", { method: "PATCH" }, 405, "method_not_allowed"],
    [
      "another type of body",
      "/v1/completions",
      { method: "POST", body: "x", headers: { "content-type": "text/plain" } },
      415,
      "unsupported_media_type",
    ],
    [
      "a large body",
      "/v1/completions",
      {
        method: "POST",
        body: JSON.stringify("x".repeat(3000)),
        headers: { "content-type": "application/json" },
      },
      413,
      "too_large",
    ],
    [
      "a page of another site",
      "/v1/completions",
      { method: "POST", headers: { origin: "https://evil.example" } },
      403,
      "origin",
    ],
  ])("%s", async (_what, target, init, status, code) => {
    await using s = await running();
    const response = await s.get(target, init);
    expect([response.status, (await errorOf(response)).code]).toEqual([status, code]);
    expect(s.models.calls).toEqual([]);
  });

  test("says which method an address has", async () => {
    await using s = await running();
    expect((await s.get("/v1/embeddings")).headers.get("allow")).toBe("POST");
    expect((await s.get("/v1/models", { method: "DELETE" })).headers.get("allow")).toBe("GET");
  });

  test("another host", async () => {
    await using s = await running();
    const request = "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    const { status, body } = await rawRequest(Number(s.server.url.port), request);
    expect([status, JSON.parse(body.toString()).error.code]).toEqual([421, "host"]);
  });

  test("other addresses keep the form of errors that they had", async () => {
    await using s = await running();
    const response = await s.get("/v1");
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });
});

describe("who may", () => {
  test.each(["sk-anything", "none"])(
    "everybody on an open server, with the key %s of another service",
    async (key) => {
      await using s = await running();
      const headers = { authorization: `Bearer ${key}` };
      expect((await s.get("/v1/models", { headers })).status).toBe(200);
      // Elsewhere a key that is not ours is refused, as it was.
      expect((await s.get("/api/pulls", { headers })).status).toBe(401);
    },
  );

  test("nobody with a token that was ours", async () => {
    await using s = await running();
    expect((await s.get("/v1/models", { headers: { authorization: "Bearer ldr_gone" } })).status).toBe(401);
  });

  test.each<[string, string | undefined, number]>([
    ["no token", undefined, 401],
    ["a key of another service", "sk-anything", 401],
    ["an unknown token", "ldr_unknown", 401],
    ["a token that may only read", "ldr_reader", 403],
    ["a token that may infer", "ldr_infer", 200],
  ])("with a closed server: %s", async (_what, token, status) => {
    await using s = await running();
    s.library.open = false;
    s.library.tokens.set("ldr_reader", ["read"]);
    s.library.tokens.set("ldr_infer", ["infer"]);
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const json = { ...headers, "content-type": "application/json" };
    const responses = [
      await s.get("/v1/models", { headers }),
      await s.get("/v1/models/acme/tiny", { headers }),
      await s.ask("/v1/chat/completions", { model: "m", messages: [{ role: "user", content: "x" }] }, {
        headers: json,
      }),
      await s.ask("/v1/completions", BODY, { headers: json }),
      await s.ask("/v1/embeddings", { model: "m", input: "x" }, { headers: json }),
    ];
    expect(responses.map((response) => response.status)).toEqual(Array(5).fill(status));
    expect(s.models.calls.length).toBe(status === 200 ? 5 : 0);
    if (status !== 401) return;
    expect(responses[0]?.headers.get("www-authenticate")).toStartWith("Bearer");
    expect((await errorOf(responses[0] as Response)).code).toBe("invalid_api_key");
  });
});
