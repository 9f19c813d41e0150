import { describe, expect, test } from "bun:test";
import { BUILD, LarderError } from "../../../src/core/index.ts";
import type { LoadableView } from "../../../src/library/index.ts";
import { runningModels, withToken } from "../models-setup.ts";
import { post } from "../setup.ts";

const VIEW: LoadableView = {
  model: "iris",
  version: "2.0.0",
  variants: ["default"],
  state: "ready",
  reason: null,
  metrics: {},
};
const VIEWS: LoadableView[] = [
  VIEW,
  { ...VIEW, version: "1.0.0", state: "unloaded" },
  { ...VIEW, model: "acme/tiny", state: "loading" },
  { ...VIEW, model: "bad", state: "failed", reason: "Cannot load it" },
];

describe("the server", () => {
  test.each([["/v2"], ["/v2/"]])("%s names it and its extensions", async (path) => {
    await using s = await runningModels();
    expect(await (await s.fetch(path)).json()).toEqual({
      name: "larder",
      version: BUILD.version,
      extensions: ["binary_tensor_data", "model_repository"],
    });
  });

  test("health is told to everybody by the status", async () => {
    await using s = await runningModels();
    s.library.open = false;
    const live = await s.fetch("/v2/health/live");
    expect([live.status, await live.json()]).toEqual([200, { live: true }] as never);
    expect((await s.fetch("/v2/health/ready")).status).toBe(200);
    s.library.healthy = false;
    expect((await s.fetch("/v2/health/ready")).status).toBe(400);
    expect((await s.fetch("/v2/health/live")).status).toBe(200);
  });

  test("HEAD answers without a body", async () => {
    await using s = await runningModels();
    const response = await s.fetch("/v2/health/ready", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test.each([
    ["GET", "/v2/models/iris/infer", 405, "POST"],
    ["POST", "/v2/models/iris", 405, "GET, HEAD"],
    ["POST", "/v2/health/live", 405, "GET, HEAD"],
    ["GET", "/v2/repository/index", 405, "POST"],
    ["DELETE", "/v2", 405, "GET, HEAD"],
    ["GET", "/v2/health", 404, null],
    ["GET", "/v2/models", 404, null],
    ["POST", "/v2/repository/models/iris", 404, null],
    ["POST", "/v2/repository/models/iris/reload", 404, null],
  ])("%s %s is %d", async (method, path, status, allow) => {
    await using s = await runningModels();
    const response = await s.fetch(path, { method });
    expect([response.status, response.headers.get("allow")]).toEqual([status, allow]);
    expect(await response.json()).toEqual({ error: expect.any(String), code: expect.any(String) });
    expect(s.models.calls).toEqual([]);
  });
});

describe("a model", () => {
  test("its metadata has names, types and shapes; a size that varies is -1", async () => {
    await using s = await runningModels();
    const response = await s.fetch("/v2/models/iris/versions/2.0.0");
    expect(response.headers.get("x-larder-version")).toBe("2.0.0");
    expect(await response.json()).toEqual({
      name: "iris",
      versions: ["2.0.0", "1.0.0"],
      platform: "onnx_onnxv1",
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [
        { name: "label", datatype: "INT64", shape: [-1] },
        { name: "probabilities", datatype: "FP32", shape: [-1, -1] },
      ],
    });
    expect(s.models.calls).toEqual([["metadata", { model: "iris", version: "2.0.0" }]]);
  });

  test.each<[string, string]>([["/v2/models/acme/tiny", "acme/tiny"], [
    "/v2/models/acme%2Fready",
    "acme/ready",
  ]])(
    "%s",
    async (path, model) => {
      await using s = await runningModels();
      expect((await s.fetch(path)).status).toBe(200);
      expect(s.models.calls).toEqual([["metadata", { model }]]);
    },
  );

  test("one that is not there is 404", async () => {
    await using s = await runningModels();
    s.models.failures.set("metadata", new LarderError("MODEL_NOT_FOUND", "Cannot find model x"));
    const response = await s.fetch("/v2/models/x");
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: "Cannot find model x", code: "MODEL_NOT_FOUND" },
    ] as never);
  });

  test.each<[string, string, number]>([
    ["/v2/models/iris/ready", "iris", 200],
    ["/v2/models/iris/versions/2.0.0/ready", "iris", 200],
    ["/v2/models/acme/tiny/ready", "acme/tiny", 400],
    ["/v2/models/acme%2Ftiny/ready", "acme/tiny", 400],
    ["/v2/models/bad/ready", "bad", 400],
  ])("%s", async (path, name, status) => {
    await using s = await runningModels();
    s.models.views = VIEWS.filter(({ model }) => model === name);
    const response = await s.fetch(path);
    expect([response.status, await response.json()]).toEqual(
      [status, { name, ready: status === 200 }] as never,
    );
    expect(s.models.calls[0]).toEqual(["loadable", name]);
  });

  test("a version is ready when it is that one, also by an alias", async () => {
    await using s = await runningModels();
    s.models.views = VIEWS.slice(0, 2);
    s.models.by = { model: "iris", version: "1.0.0", variant: "default" };
    expect((await s.fetch("/v2/models/iris/versions/old/ready")).status).toBe(400);
    s.models.by = { model: "iris", version: "2.0.0", variant: "default" };
    expect((await s.fetch("/v2/models/iris/versions/stable/ready")).status).toBe(200);
  });

  test("the readiness of a model that is not there is 404", async () => {
    await using s = await runningModels();
    expect((await s.fetch("/v2/models/x/ready")).status).toBe(404);
  });
});

describe("the repository", () => {
  test("its index lists every version with its state", async () => {
    await using s = await runningModels();
    s.models.views = VIEWS;
    const all = await s.fetch("/v2/repository/index", { method: "POST" });
    expect(await all.json()).toEqual([
      { name: "iris", version: "2.0.0", state: "READY", reason: "" },
      { name: "iris", version: "1.0.0", state: "UNAVAILABLE", reason: "unloaded" },
      { name: "acme/tiny", version: "2.0.0", state: "LOADING", reason: "" },
      { name: "bad", version: "2.0.0", state: "UNAVAILABLE", reason: "Cannot load it" },
    ]);
    const ready = await s.fetch("/v2/repository/index", post({ ready: true }));
    expect(await ready.json()).toEqual([{ name: "iris", version: "2.0.0", state: "READY", reason: "" }]);
    expect((await s.fetch("/v2/repository/index", post({ ready: "yes" }))).status).toBe(400);
  });

  test.each<[string, RequestInit, object]>([
    ["/v2/repository/models/iris/load", { method: "POST" }, { model: "iris" }],
    ["/v2/repository/models/acme/tiny/load", post({}), { model: "acme/tiny" }],
    ["/v2/repository/models/acme%2Ftiny@1/load", post({ parameters: {} }), {
      model: "acme/tiny",
      version: "1",
    }],
  ])("POST %s", async (path, init, target) => {
    await using s = await runningModels();
    const response = await s.fetch(path, init);
    expect([response.status, response.headers.get("x-larder-version")]).toEqual([200, "2.0.0"]);
    expect(s.models.calls).toEqual([["load", target, {}]]);
  });

  test("a load with a configuration of its own is refused, not half done", async () => {
    await using s = await runningModels();
    const body = { parameters: { config: "{}" } };
    const response = await s.fetch("/v2/repository/models/iris/load", post(body));
    expect([response.status, (await response.json() as { error: string }).error]).toEqual([
      400,
      expect.stringContaining("config"),
    ] as never);
    expect(s.models.calls).toEqual([]);
  });

  test("unload takes a model out", async () => {
    await using s = await runningModels();
    const init = post({ parameters: { unload_dependents: false } });
    expect((await s.admin("/v2/repository/models/acme/tiny/unload", init)).status).toBe(200);
    expect(s.models.calls).toEqual([["unload", { model: "acme/tiny" }]]);
  });
});

describe("A01: who may", () => {
  const body = { inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }] };
  test.each<[string, RequestInit, "read" | "infer" | "admin"]>([
    ["/v2", {}, "read"],
    ["/v2/models/iris", {}, "read"],
    ["/v2/models/iris/ready", {}, "read"],
    ["/v2/models/iris/infer", post(body), "infer"],
    ["/v2/repository/index", post({}), "read"],
    ["/v2/repository/models/iris/load", post({}), "infer"],
    ["/v2/repository/models/iris/unload", post({}), "admin"],
  ])("%s", async (path, init, scope) => {
    await using s = await runningModels();
    s.library.open = false;
    s.models.views = [VIEW];
    const nobody = await s.fetch(path, init);
    expect([nobody.status, nobody.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="larder"']);
    expect(s.models.calls).toEqual([]);
    const status = async (token: string) => (await s.fetch(path, withToken(init, token))).status;
    expect([await status("reader"), await status("user"), await status("root")]).toEqual([
      scope === "read" ? 200 : 403,
      scope === "infer" ? 200 : 403,
      200,
    ]);
  });
});
