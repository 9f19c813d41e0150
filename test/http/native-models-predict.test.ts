import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { LarderError } from "../../src/core/index.ts";
import { waitUntil } from "../helpers/wait.ts";
import { runningModels } from "./models-setup.ts";
import { BY, FELL_BACK } from "./models-stand-in.ts";
import { post, problemOf } from "./setup.ts";

const ROWS = [[5.1, 3.5, 1.4, 0.2]];

describe("POST /api/v1/predict", () => {
  test("answers what the model gives, and which version it was", async () => {
    await using s = await runningModels();
    const response = await s.fetch("/api/v1/predict", post({ model: "iris", inputs: ROWS }));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("x-larder-version")).toBe("2.0.0");
    expect(response.headers.get("x-larder-fallback")).toBeNull();
    expect(response.headers.get("x-request-id")).toBeTruthy();
    expect(await response.json()).toMatchObject({ ...BY, predictions: ["setosa"], timing_ms: { run: 1 } });
    expect(s.models.calls).toEqual([["predict", { model: "iris", inputs: ROWS }, {}]]);
  });

  test("says in a header when another version answered", async () => {
    await using s = await runningModels();
    s.models.by = FELL_BACK;
    const response = await s.fetch("/api/v1/predict", post({ model: "iris", inputs: ROWS }));
    expect(response.headers.get("x-larder-version")).toBe("1.0.0");
    expect(response.headers.get("x-larder-fallback")).toBe("iris@2.0.0:default; code=MODEL_BROKEN");
    expect(await response.json()).toMatchObject({ fallback: { asked: "iris@2.0.0:default" } });
  });

  const tensor = { shape: [1, 4], data: [1, 2, 3, 4] };
  test.each<[string, object, object, object]>([
    ["model_type and features", { model_type: "iris", features: ROWS }, { model: "iris", inputs: ROWS }, {}],
    [
      "version and variant",
      { model: "acme/tiny", version: "stable", variant: "q4", inputs: [1] },
      { model: "acme/tiny", version: "stable", variant: "q4", inputs: [1] },
      {},
    ],
    ["a reference", { model: "iris@1.0.0:q4", inputs: [1] }, {
      model: "iris",
      version: "1.0.0",
      variant: "q4",
      inputs: [1],
    }, {}],
    [
      "named tensors and outputs",
      { model: "iris", inputs: { x: tensor, y: [[true]] }, outputs: ["label"] },
      { model: "iris", inputs: { x: tensor, y: [[true]] }, outputs: ["label"] },
      {},
    ],
    [
      "a tensor with its dtype",
      { model: "iris", inputs: { x: { ...tensor, dtype: "float16" } } },
      { model: "iris", inputs: { x: { ...tensor, dtype: "float16" } } },
      {},
    ],
    ["a deadline", { model: "iris", inputs: [1], deadline_ms: 250 }, { model: "iris", inputs: [1] }, {
      deadlineMs: 250,
    }],
  ])("takes %s", async (_, body, request, options) => {
    await using s = await runningModels();
    expect((await s.fetch("/api/v1/predict", post(body))).status).toBe(200);
    expect(s.models.calls).toEqual([["predict", request, options]]);
  });

  test.each<[object, string, string]>([
    [{ inputs: ROWS }, "BAD_BODY", "model"],
    [{ model: "iris" }, "BAD_BODY", "inputs"],
    [{ model: "iris", inputs: 5 }, "BAD_BODY", "inputs"],
    [{ model: "iris", inputs: { x: { shape: [1] } } }, "BAD_BODY", "inputs"],
    [{ model: "iris", inputs: { x: { shape: [-1], data: [] } } }, "BAD_BODY", "inputs.x.shape[0]"],
    [{ model: "iris", inputs: ROWS, features: ROWS }, "BAD_BODY", "features"],
    [{ model: "iris", model_type: "iris", inputs: ROWS }, "BAD_BODY", "model_type"],
    [{ model: "iris", inputs: ROWS, surprise: 1 }, "BAD_BODY", "surprise"],
    [{ model: "iris", inputs: ROWS, deadline_ms: -1 }, "BAD_BODY", "deadline_ms"],
    [{ model: "iris", inputs: ROWS, outputs: "label" }, "BAD_BODY", "outputs"],
    [{ model: "../iris", inputs: ROWS }, "BAD_NAME", "model"],
    [{ model: "iris", version: "../1", inputs: ROWS }, "BAD_NAME", "version"],
    [{ model: "iris@1", version: "2", inputs: ROWS }, "BAD_REFERENCE", "version"],
    [{ model: "iris:q4", variant: "q8", inputs: ROWS }, "BAD_REFERENCE", "variant"],
  ])("refuses %j", async (body, code, field) => {
    await using s = await runningModels();
    const response = await s.fetch("/api/v1/predict", post(body));
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({ code, field });
    expect(s.models.calls).toEqual([]);
  });

  test("malformed JSON is BAD_BODY", async () => {
    await using s = await runningModels();
    const response = await s.fetch("/api/v1/predict", { ...post({}), body: '{"model": ' });
    expect([response.status, (await problemOf(response)).code]).toEqual([400, "BAD_BODY"]);
  });

  test.each([["text/plain"], ["application/x-www-form-urlencoded"], ["application/octet-stream"]])(
    "a body of type %s is refused",
    async (type) => {
      await using s = await runningModels();
      const init = { ...post({ model: "iris", inputs: ROWS }), headers: { "content-type": type } };
      expect((await s.fetch("/api/v1/predict", init)).status).toBe(415);
      expect(s.models.calls).toEqual([]);
    },
  );

  test("F20: a packed body is refused for what it is, and not unpacked", async () => {
    await using s = await runningModels();
    const body = Bun.gzipSync(JSON.stringify({ model: "iris", inputs: ROWS }));
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    expect((await s.fetch("/api/v1/predict", { method: "POST", headers, body })).status).toBe(415);
  });

  test("a page of another site may not ask", async () => {
    await using s = await runningModels();
    const headers = { origin: "https://evil.example" };
    expect((await s.fetch("/api/v1/predict", post({ model: "iris", inputs: ROWS }, headers))).status).toBe(
      403,
    );
    expect(s.models.calls).toEqual([]);
  });

  test("while a model loads the answer is 503 with Retry-After and how far it is", async () => {
    await using s = await runningModels();
    const details = { model: "iris@2.0.0:default", state: "loading", elapsed_ms: 1500 };
    s.models.failures.set(
      "predict",
      new LarderError("MODEL_LOADING", "Cannot answer yet", { retryable: true, retryAfterS: 1.2, details }),
    );
    const response = await s.fetch("/api/v1/predict", post({ model: "iris", inputs: ROWS }));
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "MODEL_LOADING", retryable: true, details });
  });

  test("the model learns that the client has left", async () => {
    await using s = await runningModels();
    const { promise: held, resolve } = Promise.withResolvers<void>();
    s.models.held = held;
    const leaving = new AbortController();
    const answer = s.fetch("/api/v1/predict", {
      ...post({ model: "iris", inputs: ROWS }),
      signal: leaving.signal,
    }).catch((error: Error) => error.name);
    while (s.models.signal === undefined) await new Promise((done) => setImmediate(done));
    const left = new Promise((done) => s.models.signal?.addEventListener("abort", done));
    leaving.abort();
    await left;
    expect(await answer).toBe("AbortError");
    resolve();
  });
});

describe("limits of bodies", () => {
  const body = (bytes: number) => ({ model: "iris", inputs: ["x".repeat(bytes)] });

  test("inference has a limit of its own, others keep theirs", async () => {
    await using s = await runningModels({ bodyBytesMax: 2000, inferBodyBytesMax: 20_000 });
    expect((await s.fetch("/api/v1/predict", post(body(15_000)))).status).toBe(200);
    const tooLarge = await s.fetch("/api/v1/predict", post(body(25_000)));
    expect([tooLarge.status, (await problemOf(tooLarge)).hint]).toEqual([
      413,
      "Send less at once, or raise infer_body_bytes_max.",
    ]);
    expect((await s.admin("/api/v1/models/reload", post({ model: "iris", probe: body(3000).inputs }))).status)
      .toBe(413);
  });

  test("a body without its length is held to the limit too", async () => {
    await using s = await runningModels({ inferBodyBytesMax: 20_000 });
    const streamed = (bytes: number) => ({
      ...post({}),
      body: new Blob([JSON.stringify(body(bytes))]).stream(),
    });
    expect((await s.fetch("/api/v1/predict", streamed(25_000))).status).toBe(413);
    expect(s.models.calls).toEqual([]);
    expect((await s.fetch("/api/v1/predict", streamed(15_000))).status).toBe(200);
  });

  test("bodies that wait for models have a common limit; room that is free again is used", async () => {
    await using s = await runningModels({ inferBodyBytesMax: 20_000 });
    const { promise: held, resolve } = Promise.withResolvers<void>();
    s.models.held = held;
    const waiting = Array.from({ length: 4 }, () => s.fetch("/api/v1/predict", post(body(19_000))));
    while (s.models.calls.length < 4) await new Promise((done) => setImmediate(done));
    const refused = await s.fetch("/api/v1/predict", post(body(19_000)));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await problemOf(refused)).code).toBe("BUSY");
    expect((await s.fetch("/v2/models/iris/infer", post({ x: "x".repeat(19_000) }))).status).toBe(503);
    resolve();
    for (const answer of waiting) expect((await answer).status).toBe(200);
    expect((await s.fetch("/api/v1/predict", post(body(19_000)))).status).toBe(200);
  });
});

test("clients that leave in the middle of their bodies hold nothing", async () => {
  await using s = await runningModels({ inferBodyBytesMax: 20_000 });
  const head = ["POST /api/v1/predict HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"];
  const sockets = Array.from({ length: 4 }, () => {
    const socket = connect(s.port, "127.0.0.1");
    socket.write([...head, "Content-Length: 20000", "", '{"model": '].join("\r\n"));
    return socket;
  });
  const ask = () => s.fetch("/api/v1/predict", post({ model: "iris", inputs: ["x".repeat(15_000)] }));
  await waitUntil(async () => (await ask()).status === 503);
  for (const socket of sockets) socket.destroy();
  await waitUntil(async () => (await ask()).status === 200);
});

describe("POST /api/v1/batch_predict", () => {
  test("asks once and keeps the order, failures among them", async () => {
    await using s = await runningModels();
    s.models.results = [
      { outputs: { y: { dtype: "float32", shape: [1], data: [1] } } },
      { error: { code: "BAD_INPUT", message: "Cannot use input x", retryable: false } },
    ];
    const requests = [{ inputs: ROWS, outputs: ["y"] }, { features: { x: [[1]] } }];
    const response = await s.fetch("/api/v1/batch_predict", post({ model: "iris", requests }));
    expect([response.status, response.headers.get("x-larder-version")]).toEqual([200, "2.0.0"]);
    expect(await response.json()).toMatchObject({ ...BY, results: s.models.results });
    expect(s.models.calls).toEqual([["batchPredict", {
      model: "iris",
      requests: [{ inputs: ROWS, outputs: ["y"] }, { inputs: { x: [[1]] } }],
    }, {}]]);
  });

  test.each([["inputs"], ["features"]])("takes %s, each one a request", async (field) => {
    await using s = await runningModels();
    const body = { model_type: "iris", [field]: [[1, 2], [3, 4]] };
    expect((await s.fetch("/api/v1/batch_predict", post(body))).status).toBe(200);
    expect(s.models.calls).toEqual([
      ["batchPredict", { model: "iris", requests: [{ inputs: [1, 2] }, { inputs: [3, 4] }] }, {}],
    ]);
  });

  test.each<[object, string]>([
    [{ model: "iris" }, "requests"],
    [{ model: "iris", requests: [] }, "requests"],
    [{ model: "iris", requests: Array(1025).fill({ inputs: [1] }) }, "requests"],
    [{ model: "iris", requests: [{}] }, "inputs"],
    [{ model: "iris", requests: [{ inputs: [1], x: 1 }] }, "requests[0].x"],
    [{ model: "iris", requests: [{ inputs: [1] }], inputs: [[1]] }, "inputs"],
    [{ model: "iris", inputs: [1, 2] }, "inputs[0]"],
  ])("refuses a body (%#)", async (body, field) => {
    await using s = await runningModels();
    const response = await s.fetch("/api/v1/batch_predict", post(body));
    expect([response.status, (await problemOf(response)).field]).toEqual([400, field]);
    expect(s.models.calls).toEqual([]);
  });
});
