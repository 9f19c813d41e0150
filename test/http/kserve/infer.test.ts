import { describe, expect, test } from "bun:test";
import { type ErrorCode, LarderError } from "../../../src/core/index.ts";
import type { Tensor } from "../../../src/runtimes/types.ts";
import { runningModels } from "../models-setup.ts";
import { FELL_BACK } from "../models-stand-in.ts";
import { post } from "../setup.ts";

/** The output of the protocol's example: FP32 [3, 2]. */
const OUTPUT0: Tensor = { dtype: "float32", shape: [3, 2], data: Float32Array.of(1, 1.1, 2, 2.1, 3, 3.1) };

const INPUT0 = { name: "input0", shape: [2, 2], datatype: "UINT32", data: [1, 2, 3, 4] };

describe("the examples of the protocol", () => {
  test("two inputs and one output as JSON", async () => {
    await using s = await runningModels();
    s.models.outputs = { output0: OUTPUT0, other: OUTPUT0 };
    const response = await s.fetch(
      "/v2/models/mymodel/infer",
      post({
        id: "42",
        inputs: [INPUT0, { name: "input1", shape: [3], datatype: "BOOL", data: [true, false, true] }],
        outputs: [{ name: "output0" }],
      }),
    );
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
    const answer = await response.json() as { outputs: { data: number[] }[] };
    expect(answer).toMatchObject({
      id: "42",
      model_name: "iris",
      model_version: "2.0.0",
      outputs: [{ name: "output0", shape: [3, 2], datatype: "FP32" }],
    });
    expect(answer.outputs.length).toBe(1);
    [1.0, 1.1, 2.0, 2.1, 3.0, 3.1].forEach((value, at) =>
      expect(answer.outputs[0]?.data[at]).toBeCloseTo(value, 6)
    );
    expect(s.models.calls).toEqual([["infer", { model: "mymodel" }, {
      input0: { dtype: "uint32", shape: [2, 2], data: Uint32Array.of(1, 2, 3, 4) },
      input1: { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) },
    }, ["output0"]]]);
  });

  test("the example as it is printed, whose shape takes three values and has one, is refused by name", async () => {
    await using s = await runningModels();
    const input1 = { name: "input1", shape: [3], datatype: "BOOL", data: [true] };
    const response = await s.fetch("/v2/models/mymodel/infer", post({ inputs: [INPUT0, input1] }));
    expect(response.status).toBe(400);
    expect((await response.json() as { error: string }).error).toContain("input1");
    expect(s.models.calls).toEqual([]);
  });

  test.each([["natural", [[1, 2], [4, 5]]], ["flat", [1, 2, 4, 5]]])(
    "a matrix in its %s form",
    async (_, data) => {
      await using s = await runningModels();
      const input = { name: "m", shape: [2, 2], datatype: "INT32", data };
      expect((await s.fetch("/v2/models/mymodel/infer", post({ inputs: [input] }))).status).toBe(200);
      expect(s.models.calls[0]?.[2]).toEqual({
        m: { dtype: "int32", shape: [2, 2], data: Int32Array.of(1, 2, 4, 5) },
      });
    },
  );
});

describe("POST /v2/models/{model}/infer", () => {
  test.each<[string, object]>([
    ["/v2/models/acme/tiny/infer", { model: "acme/tiny" }],
    ["/v2/models/acme%2Ftiny/infer", { model: "acme/tiny" }],
    ["/v2/models/acme%2Ftiny/versions/1.0/infer", { model: "acme/tiny", version: "1.0" }],
    ["/v2/models/acme/tiny/versions/stable/infer", { model: "acme/tiny", version: "stable" }],
    ["/v2/models/acme%2Finfer/infer", { model: "acme/infer" }],
    ["/v2/models/versions/infer", { model: "versions" }],
    ["/v2/models/iris@1.0:q4/infer", { model: "iris", version: "1.0", variant: "q4" }],
  ])("%s", async (path, target) => {
    await using s = await runningModels();
    expect((await s.fetch(path, post({ inputs: [INPUT0] }))).status).toBe(200);
    expect(s.models.calls[0]?.[1]).toEqual(target);
  });

  test.each<[string]>([
    ["/v2/models/..%2f..%2fetc/infer"],
    ["/v2/models//infer"],
    ["/v2/models/%ff/infer"],
    ["/v2/models/iris/versions/..%2f1/infer"],
    ["/v2/models/iris@1/versions/2/infer"],
  ])("%s is no model", async (path) => {
    await using s = await runningModels();
    const response = await s.fetch(path, post({ inputs: [INPUT0] }));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: expect.any(String), code: expect.any(String) });
    expect(s.models.calls).toEqual([]);
  });

  test.each<[string, unknown[], Tensor["data"]]>([
    ["BOOL", [true, 0, 1], Uint8Array.of(1, 0, 1)],
    ["UINT8", [0, 255, 7], Uint8Array.of(0, 255, 7)],
    ["UINT16", [0, 65535, 7], Uint16Array.of(0, 65535, 7)],
    ["UINT32", [0, 4294967295, 7], Uint32Array.of(0, 4294967295, 7)],
    ["UINT64", [0, "18446744073709551615", 7], BigUint64Array.of(0n, 2n ** 64n - 1n, 7n)],
    ["INT8", [-128, 127, 0], Int8Array.of(-128, 127, 0)],
    ["INT16", [-32768, 32767, 0], Int16Array.of(-32768, 32767, 0)],
    ["INT32", [-2147483648, 2147483647, 0], Int32Array.of(-2147483648, 2147483647, 0)],
    ["INT64", ["-9223372036854775808", -1, 0], BigInt64Array.of(-(2n ** 63n), -1n, 0n)],
    ["FP16", [1, -2, 0.5], Uint16Array.of(0x3c00, 0xc000, 0x3800)],
    ["BF16", [1, -2, 0.5], Uint16Array.of(0x3f80, 0xc000, 0x3f00)],
    ["FP32", [1, -2, 0.5], Float32Array.of(1, -2, 0.5)],
    ["FP64", [1, -2, 0.1], Float64Array.of(1, -2, 0.1)],
    ["BYTES", ["", "ä", "b"], ["", "ä", "b"]],
  ])("%s in JSON, there and back", async (datatype, data, tensor) => {
    await using s = await runningModels();
    const init = post({ inputs: [{ name: "x", shape: [3], datatype, data }] });
    await s.fetch("/v2/models/iris/infer", init);
    const got = (s.models.calls[0]?.[2] as Record<string, Tensor>)["x"];
    expect(got?.data).toEqual(tensor);
    s.models.outputs = { x: got as Tensor };
    const back = await (await s.fetch("/v2/models/iris/infer", init)).text();
    const written = data.map((value) => datatype === "BOOL" ? Boolean(value) : value);
    // Whole numbers that a double cannot hold go back as numbers too.
    const expected = JSON.stringify(written).replace(/"(-?\d{19,20})"/g, "$1");
    expect(back).toContain(`{"name":"x","datatype":"${datatype}","shape":[3],"data":${expected}}`);
  });

  test("what JSON has no number for goes back as null", async () => {
    await using s = await runningModels();
    s.models.outputs = { y: { dtype: "float32", shape: [3], data: Float32Array.of(NaN, Infinity, 1) } };
    const response = await s.fetch("/v2/models/iris/infer", post({ inputs: [INPUT0] }));
    expect(await response.json()).toMatchObject({ outputs: [{ data: [null, null, 1] }] });
  });

  test("maps of labels to numbers go back as a table with its labels", async () => {
    await using s = await runningModels();
    s.models.outputs = {
      label: { dtype: "string", shape: [2], data: ["setosa", "virginica"] },
      probabilities: { rows: [{ setosa: 0.75, virginica: 0.25 }, { virginica: 1 }] },
    };
    const response = await s.fetch("/v2/models/iris/infer", post({ inputs: [INPUT0] }));
    expect(await response.json()).toMatchObject({
      outputs: [
        { name: "label", datatype: "BYTES", shape: [2], data: ["setosa", "virginica"] },
        {
          name: "probabilities",
          datatype: "FP32",
          shape: [2, 2],
          parameters: { labels: '["setosa","virginica"]' },
          data: [0.75, 0.25, null, 1],
        },
      ],
    });
  });

  test("outputs come in the order that they were asked for in", async () => {
    await using s = await runningModels();
    s.models.outputs = { a: OUTPUT0, b: OUTPUT0 };
    const outputs = [{ name: "b" }, { name: "a", parameters: { classification: 2 } }];
    const response = await s.fetch("/v2/models/iris/infer", post({ inputs: [INPUT0], outputs }));
    expect(await response.json()).toMatchObject({ outputs: [{ name: "b" }, { name: "a" }] });
  });

  test("says in headers which version answered", async () => {
    await using s = await runningModels();
    s.models.by = FELL_BACK;
    const { headers } = await s.fetch("/v2/models/iris/infer", post({ inputs: [INPUT0] }));
    expect(headers.get("x-larder-version")).toBe("1.0.0");
    expect(headers.get("x-larder-fallback")).toBe("iris@2.0.0:default; code=MODEL_BROKEN");
  });

  const input = (more: object) => ({ inputs: [{ ...INPUT0, ...more }] });
  test.each<[unknown, string]>([
    [{}, "inputs"],
    [{ inputs: [] }, "inputs"],
    [[], "body"],
    [input({ datatype: "FP8" }), "datatype"],
    [input({ datatype: "fp32" }), "datatype"],
    [input({ shape: [2, -2] }), "shape"],
    [input({ shape: [1.5] }), "shape"],
    [input({ shape: Array(17).fill(1) }), "shape"],
    [input({ data: "abcd" }), "data"],
    [input({ data: undefined }), "input0"],
    [input({ data: [1, 2, 3] }), "input0"],
    [input({ data: [1, 2, 3, "4"] }), "input0"],
    [input({ data: [1, 2, 3, 4294967296] }), "input0"],
    [input({ data: [1, 2, 3, -1] }), "input0"],
    [input({ data: [1, 2, 3, 4.5] }), "input0"],
    [input({ datatype: "INT64", data: [1, 2, 3, 9007199254740993] }), "input0"],
    [input({ datatype: "BYTES", data: ["a", "b", "c", 4] }), "input0"],
    [input({ parameters: { binary_data_size: 16 } }), "input0"],
    [{ inputs: [INPUT0, INPUT0] }, "input0"],
    [{ inputs: [INPUT0], outputs: [{}] }, "outputs"],
  ])("refuses %j", async (body, named) => {
    await using s = await runningModels();
    const response = await s.fetch("/v2/models/iris/infer", post(body));
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/json"]);
    expect((await response.json() as { error: string }).error).toContain(named);
    expect(s.models.calls).toEqual([]);
  });

  test("a name that means something to JavaScript is a name", async () => {
    await using s = await runningModels();
    const body = JSON.stringify({ inputs: [{ ...INPUT0, name: "__proto__" }] });
    expect((await s.fetch("/v2/models/iris/infer", { ...post({}), body })).status).toBe(200);
    expect(Object.keys(s.models.calls[0]?.[2] as object)).toEqual(["__proto__"]);
  });

  test("a client that names no type is understood, a form is not", async () => {
    await using s = await runningModels();
    const body = Buffer.from(JSON.stringify({ inputs: [INPUT0] }));
    expect((await s.fetch("/v2/models/iris/infer", { method: "POST", body })).status).toBe(200);
    const form = { method: "POST", body, headers: { "content-type": "text/plain" } };
    const refused = await s.fetch("/v2/models/iris/infer", form);
    expect([refused.status, Object.keys(await refused.json() as object)]).toEqual(
      [415, ["error", "code"]] as never,
    );
  });
});

describe("errors", () => {
  test.each<[ErrorCode, number, number | undefined]>([
    ["MODEL_NOT_FOUND", 404, undefined],
    ["BAD_INPUT", 400, undefined],
    ["NOT_SUPPORTED", 422, undefined],
    ["MODEL_QUEUE_FULL", 503, 3],
  ])("%s", async (code, status, retryAfterS) => {
    await using s = await runningModels();
    const options = retryAfterS === undefined ? {} : { retryAfterS };
    s.models.failures.set("infer", new LarderError(code, "Cannot infer", options));
    const response = await s.fetch("/v2/models/iris/infer", post({ inputs: [INPUT0] }));
    expect([response.status, response.headers.get("retry-after")]).toEqual([
      status,
      retryAfterS?.toString() ?? null,
    ]);
    expect(await response.json()).toEqual({ error: "Cannot infer", code });
  });

  test("while a model loads the answer says how far it is", async () => {
    await using s = await runningModels();
    const details = { state: "loading", elapsed_ms: 1500 };
    s.models.failures.set(
      "infer",
      new LarderError("MODEL_LOADING", "Cannot answer yet", { details, retryAfterS: 1 }),
    );
    const response = await s.fetch("/v2/models/iris/infer", post({ inputs: [INPUT0] }));
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await response.json()).toMatchObject({ details });
  });

  test("a bug tells the client nothing of itself", async () => {
    await using s = await runningModels();
    s.models.failures.set("infer", new TypeError("secret path /home/x"));
    const response = await s.fetch("/v2/models/iris/infer", post({ inputs: [INPUT0] }));
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ error: expect.not.stringContaining("secret"), code: "INTERNAL" });
  });

  test("what comes before any route has the protocol's form too", async () => {
    await using s = await runningModels();
    const foreign = await s.fetch("/v2/models/iris/infer", post({}, { origin: "https://evil.example" }));
    expect([foreign.status, Object.keys(await foreign.json() as object)]).toEqual(
      [403, ["error", "code"]] as never,
    );
  });
});
