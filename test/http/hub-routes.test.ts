import { describe, expect, test } from "bun:test";
import { type ErrorCode, LarderError } from "../../src/core/index.ts";
import { STATUS_OF } from "../../src/http/index.ts";
import { post, problemOf, running } from "./setup.ts";
import { MANIFEST } from "./stand-in.ts";

const URLS = ["https://models.example/x/model.bin"];
const CANARY = "hf_c4naryS3cret";

describe("POST /api/models/download without addresses is a pull from the hub", () => {
  test.each<[string, object, object]>([
    ["a model alone", { model: "acme/tiny" }, { model: "acme/tiny" }],
    [
      "a revision with a slash",
      { model: "datasets/acme/texts", revision: "refs/pr/1" },
      { model: "datasets/acme/texts", revision: "refs/pr/1" },
    ],
    [
      "a variant and what to take instead",
      { model: "acme/tiny", variant: "Q4_K_M", fallback: ["Q3_K_S", "Q2_K"], aliases: ["prod"] },
      { model: "acme/tiny", variant: "Q4_K_M", fallback: ["Q3_K_S", "Q2_K"], aliases: ["prod"] },
    ],
    [
      "smaller ones, and nothing but what is here",
      { model: "acme/tiny", fallback: "smaller", offline: true },
      { model: "acme/tiny", fallback: "smaller", offline: true },
    ],
    [
      "globs",
      { model: "acme/tiny", files: ["*.json", "onnx/**"] },
      { model: "acme/tiny", patterns: ["*.json", "onnx/**"] },
    ],
  ])("%s", async (_what, body, asked) => {
    await using s = await running();
    expect((await s.fetch("/api/models/download", post(body))).status).toBe(202);
    expect(s.library.calls).toEqual([["pull", asked]]);
  });

  test.each<[string, object, ErrorCode, string]>([
    ["a revision with a space", { revision: "a b" }, "BAD_BODY", "revision"],
    ["an endless revision", { revision: "x".repeat(251) }, "BAD_BODY", "revision"],
    [
      "a revision with a slash for files from addresses",
      { revision: "refs/pr/1", urls: URLS },
      "BAD_NAME",
      "version",
    ],
    ["an unknown fallback", { fallback: "bigger" }, "BAD_BODY", "fallback"],
    ["an empty fallback", { fallback: [] }, "BAD_BODY", "fallback"],
    ["a fallback that is no name", { fallback: ["../x"] }, "BAD_NAME", "variant"],
    ["offline as text", { offline: "yes" }, "BAD_BODY", "offline"],
    ["no files", { files: [] }, "BAD_BODY", "files"],
    ["a glob and a file", { files: ["*.json", { path: "x", urls: URLS }] }, "BAD_BODY", "files[1]"],
    ["a file and a glob", { files: [{ path: "x", urls: URLS }, "*.json"] }, "BAD_BODY", "files[1]"],
    ["an empty glob", { files: ["*.json", ""] }, "BAD_BODY", "files[1]"],
    ["an endless glob", { files: ["x".repeat(1025)] }, "BAD_BODY", "files[0]"],
    ["too many globs", { files: Array.from({ length: 101 }, () => "x") }, "BAD_BODY", "files"],
    ["files that are none", { files: "*.json" }, "BAD_BODY", "files"],
    ["a size of no file", { size: 3 }, "BAD_BODY", "size"],
    ["globs with addresses", { files: ["*.json"], urls: URLS }, "BAD_BODY", "urls"],
    ["an unknown key", { filez: ["*.json"] }, "BAD_BODY", "filez"],
  ])("refuses %s", async (_what, more, code, field) => {
    await using s = await running();
    const response = await s.fetch("/api/models/download", post({ model: "acme/tiny", ...more }));
    const problem = await problemOf(response);
    expect([response.status, problem.code, problem.field]).toEqual([400, code, field]);
    expect(problem.hint).toBeTruthy();
    expect(s.library.calls).toEqual([]);
  });
});

describe("POST /api/models/scan", () => {
  test("answers the manifest to whoever may pull", async () => {
    await using s = await running();
    s.library.open = false;
    s.library.tokens.set("reader", ["read"]);
    s.library.tokens.set("puller", ["pull"]);
    const ask = (token: string) =>
      s.fetch(
        "/api/models/scan",
        post({ model: "acme/tiny", revision: "refs/pr/1" }, { authorization: `Bearer ${token}` }),
      );
    expect((await ask("reader")).status).toBe(403);
    const response = await ask("puller");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(MANIFEST);
    expect(s.library.calls).toEqual([["scan", { model: "acme/tiny", revision: "refs/pr/1" }]]);
  });

  test.each<[object, ErrorCode, string]>([
    [{}, "BAD_BODY", "model"],
    [{ model: "../x" }, "BAD_NAME", "model"],
    [{ model: "acme/tiny", revision: "" }, "BAD_BODY", "revision"],
    [{ model: "acme/tiny", variant: "q4" }, "BAD_BODY", "variant"],
  ])("refuses %j", async (body, code, field) => {
    await using s = await running();
    const problem = await problemOf(await s.fetch("/api/models/scan", post(body)));
    expect([problem.status, problem.code, problem.field]).toEqual([400, code, field]);
    expect(s.library.calls).toEqual([]);
  });
});

async function admin() {
  const s = await running();
  s.library.tokens.set("root", ["admin"]);
  const headers = { authorization: "Bearer root" };
  const ask = (method: string, target: string, body?: unknown) =>
    s.fetch(target, body === undefined ? { method, headers } : { ...post(body, headers), method });
  return { library: s.library, ask, [Symbol.asyncDispose]: () => s[Symbol.asyncDispose]() };
}

describe("POST /api/models/import-hub-cache", () => {
  test("makes a job of it", async () => {
    await using s = await admin();
    const body = { path: "/c/hub", models: ["acme/tiny", "datasets/acme/texts"], mode: "hardlink" };
    expect((await s.ask("POST", "/api/models/import-hub-cache", body)).status).toBe(202);
    expect((await s.ask("POST", "/api/models/import-hub-cache", { path: "/c" })).status).toBe(202);
    expect(s.library.calls).toEqual([["importHubCache", body], ["importHubCache", { path: "/c" }]]);
  });

  test.each<[object, ErrorCode, string]>([
    [{}, "BAD_BODY", "path"],
    [{ path: "hub" }, "BAD_BODY", "path"],
    [{ path: "/c", models: [] }, "BAD_BODY", "models"],
    [{ path: "/c", models: ["../x"] }, "BAD_NAME", "model"],
    [{ path: "/c", mode: "move" }, "BAD_BODY", "mode"],
    [{ path: "/c", model: "acme/tiny" }, "BAD_BODY", "model"],
  ])("refuses %j", async (body, code, field) => {
    await using s = await admin();
    const problem = await problemOf(await s.ask("POST", "/api/models/import-hub-cache", body));
    expect([problem.status, problem.code, problem.field]).toEqual([400, code, field]);
    expect(s.library.calls).toEqual([]);
  });
});

describe("the token for the hub", () => {
  test("is asked for, set and forgotten, and never answered", async () => {
    await using s = await admin();
    const answers = [
      await s.ask("GET", "/api/hub/token"),
      await s.ask("PUT", "/api/hub/token", { token: ` ${CANARY}\n` }),
      await s.ask("DELETE", "/api/hub/token"),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    expect(texts.map((text) => JSON.parse(text).source)).toEqual([null, "larder", null]);
    expect(texts.join()).not.toContain(CANARY);
    expect(s.library.calls).toEqual([["hubToken"], ["setHubToken", CANARY], ["setHubToken", null]]);
  });

  test.each([{}, { token: "" }, { token: `${CANARY} ${CANARY}` }, { token: [CANARY] }, {
    token: CANARY,
    more: 1,
  }])(
    "a body that is none is refused and not shown (%#)",
    async (body) => {
      await using s = await admin();
      const response = await s.ask("PUT", "/api/hub/token", body);
      const text = await response.text();
      expect([response.status, JSON.parse(text).code]).toEqual([400, "BAD_BODY"]);
      expect(text).not.toContain(CANARY);
      expect(s.library.calls).toEqual([]);
    },
  );
});

test("a layout is for paths only, and one of two", async () => {
  await using s = await running();
  const refused = ["/api/models/acme/tiny?layout=hf", "/api/models/acme/tiny/path?layout=ollama"];
  for (const target of refused) {
    const problem = await problemOf(await s.fetch(target));
    expect([problem.status, problem.code, problem.field]).toEqual([400, "BAD_QUERY", "layout"]);
  }
  expect(s.library.calls).toEqual([]);
});

test.each<[ErrorCode, number]>([
  ["HUB_GATED", 403],
  ["HUB_TOKEN_INVALID", 403],
  ["REPO_DISABLED", 403],
  ["REPO_NOT_FOUND", 404],
  ["REVISION_NOT_FOUND", 404],
  ["HUB_FILE_NOT_FOUND", 404],
  ["VARIANT_NOT_FOUND", 404],
  ["HUB_ANSWER", 502],
  ["OFFLINE", 503],
  ["DOES_NOT_FIT_MEMORY", 507],
])("%s answers %d with its own code", async (code, status) => {
  await using s = await running();
  s.library.failures.set("scan", new LarderError(code, "Cannot look at it"));
  const response = await s.fetch("/api/models/scan", post({ model: "acme/tiny" }));
  expect([response.status, (await problemOf(response)).code, STATUS_OF[code]]).toEqual([
    status,
    code,
    status,
  ]);
});
