import { expect, test } from "bun:test";
import { startHttp } from "../../../src/http/index.ts";
import { larder } from "../../cli/harness.ts";
import { openTestLibrary } from "../../helpers/library.ts";
import { linearOnnx, treeOnnx } from "../../helpers/onnx-files.ts";
import { CONFIG, post } from "../setup.ts";
import { binaryAnswer, binaryRequest } from "./binary-body.ts";

/** A server before a real library, asked as the owner of the home asks. */
async function serving() {
  const real = await openTestLibrary();
  const unixSocket = `${real.home}/larder.sock`;
  const server = await startHttp({ library: real.library, config: CONFIG, unixSocket });
  return {
    add: async (model: string, version: string, bytes: Uint8Array) => {
      const path = `${real.home}/../${model.replace("/", "-")}-${version}.onnx`;
      await Bun.write(path, bytes);
      const { id } = await real.library.importPath({ path, model, version });
      let last;
      for await (last of real.library.watchJob(id));
      expect(last?.state).toBe("done");
    },
    fetch: (target: string, init: RequestInit = {}) => {
      return fetch(`http://owner${target}`, { ...init, unix: unixSocket });
    },
    larder: (...argv: string[]) => larder([...argv, "--home", real.home]),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await real[Symbol.asyncDispose]();
    },
  };
}

const ROW = { name: "x", shape: [1, 4], datatype: "FP32" };
const INFER = "/v2/models/acme/linear/infer";

test("a linear model answers in JSON and in bytes, loaded by the first request; y = x·w + b by hand", async () => {
  await using s = await serving();
  await s.add("acme/linear", "1.0.0", linearOnnx());
  expect(await (await s.fetch("/v2/models/acme/linear")).json()).toEqual({
    name: "acme/linear",
    versions: ["1.0.0"],
    platform: "onnx_onnxv1",
    inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
    outputs: [{ name: "y", datatype: "FP32", shape: [-1, 3] }],
  });
  expect((await s.fetch("/v2/models/acme/linear/ready")).status).toBe(400);
  const json = await s.fetch(INFER, post({ inputs: [{ ...ROW, data: [[1, 0, 0, 0]] }] }));
  expect([json.status, json.headers.get("x-larder-version")]).toEqual([200, "1.0.0"]);
  expect(await json.json()).toEqual({
    model_name: "acme/linear",
    model_version: "1.0.0",
    outputs: [{ name: "y", datatype: "FP32", shape: [1, 3], data: [1.5, -2.25, 2.5] }],
  });
  expect((await s.fetch("/v2/models/acme/linear/versions/1.0.0/ready")).status).toBe(200);
  const head = {
    inputs: [{ ...ROW, parameters: { binary_data_size: 16 } }],
    parameters: { binary_data_output: true },
  };
  const bytes = Buffer.from(Float32Array.of(0, 2, 0, 1).buffer);
  const { binary } = await binaryAnswer(await s.fetch(INFER, binaryRequest(head, bytes)));
  // 2.5, 5.25 and 0.125 as IEEE 754 writes them.
  expect(binary.toString("hex")).toBe("000020400000a8400000003e");
});

test.each<[string, object, string]>([
  ["a wrong shape", { ...ROW, shape: [1, 3], data: [1, 2, 3] }, "x"],
  ["a wrong type", { ...ROW, datatype: "FP64", data: [1, 2, 3, 4] }, "x"],
  ["an unknown input", { ...ROW, name: "z", data: [1, 2, 3, 4] }, "x"],
])("%s is refused by the name of the input", async (_, input, named) => {
  await using s = await serving();
  await s.add("acme/linear", "1", linearOnnx());
  const response = await s.fetch(INFER, post({ inputs: [input] }));
  expect([response.status, await response.json()]).toMatchObject([400, {
    code: "BAD_INPUT",
    error: expect.stringContaining(named),
  }]);
});

test("a broken version falls back, and both dialects say so in headers; the version itself does not", async () => {
  await using s = await serving();
  await s.add("acme/linear", "1.0.0", linearOnnx());
  await s.add("acme/linear", "2.0.0", linearOnnx().slice(0, 60));
  const body = { inputs: [{ ...ROW, data: [1, 0, 0, 0] }] };
  const exact = await s.fetch("/v2/models/acme/linear/versions/2.0.0/infer", post(body));
  expect([exact.status, await exact.json()]).toMatchObject([422, { code: "MODEL_BROKEN" }]);
  for (
    const response of [
      await s.fetch(INFER, post(body)),
      await s.fetch("/api/v1/predict", post({ model_type: "acme/linear", features: [1, 0, 0, 0] })),
    ]
  ) {
    expect([response.status, response.headers.get("x-larder-version")]).toEqual([200, "1.0.0"]);
    // For a while the failure is only remembered.
    expect(response.headers.get("x-larder-fallback")).toMatch(
      /^acme\/linear@2\.0\.0:default; code=MODEL_(?:BROKEN|FAILED)$/,
    );
  }
});

test("a classifier's maps become a table, and plain words in the native dialect and on the command line", async () => {
  await using s = await serving();
  await s.add("iris", "1", treeOnnx({ labels: ["setosa", "versicolor", "virginica"] }));
  const rows = [[5, 3, 1, 0.2], [6, 3, 5, 2]];
  const input = { name: "float_input", shape: [2, 4], datatype: "FP32", data: rows };
  expect(await (await s.fetch("/v2/models/iris/infer", post({ inputs: [input] }))).json()).toMatchObject({
    outputs: [
      { name: "label", datatype: "BYTES", shape: [2], data: ["setosa", "virginica"] },
      {
        name: "probabilities",
        datatype: "FP32",
        shape: [2, 3],
        parameters: { labels: '["setosa","versicolor","virginica"]' },
        data: [1, 0, 0, 0, 0.0625, 0.9375],
      },
    ],
  });
  const batch = await s.fetch("/api/v1/batch_predict", post({ model: "iris", features: [...rows, [1, 2]] }));
  expect(await batch.json()).toMatchObject({
    version: "1",
    results: [{ predictions: ["setosa"] }, { predictions: ["virginica"] }, { error: { code: "BAD_INPUT" } }],
  });
  const told = await s.larder("predict", "iris", JSON.stringify(rows));
  expect([told.code, told.stdout]).toEqual([
    0,
    "PREDICTION  PROBABILITIES\n" +
    "setosa      setosa 1, versicolor 0, virginica 0\n" +
    "virginica   virginica 0.9375, versicolor 0.0625, setosa 0\n",
  ]);
});

test("load, index, pin, ps and unload see one memory, whoever asks", async () => {
  await using s = await serving();
  await s.add("acme/linear", "1", linearOnnx());
  const states = async () => await (await s.fetch("/v2/repository/index", post({}))).json();
  expect(await states()).toEqual([{
    name: "acme/linear",
    version: "1",
    state: "UNAVAILABLE",
    reason: "unloaded",
  }]);
  expect((await s.fetch("/v2/repository/models/acme/linear/load", { method: "POST" })).status).toBe(200);
  expect(await states()).toEqual([{ name: "acme/linear", version: "1", state: "READY", reason: "" }]);
  expect((await s.larder("pin", "acme/linear")).stdout).toBe("Pinned acme/linear@1:default\n");
  expect((await s.larder("ps")).stdout).toMatch(/^acme\/linear@1:default +loaded .* yes /m);
  expect(await (await s.fetch("/api/cache/explain?model=acme/linear")).json()).toMatchObject({
    outcome: "loaded",
  });
  expect((await s.larder("reload")).stdout).toMatch(/^acme\/linear:default +1 +1 +\d+$/m);
  expect((await s.fetch("/v2/repository/models/acme/linear/unload", { method: "POST" })).status).toBe(200);
  expect(await states()).toMatchObject([{ state: "UNAVAILABLE" }]);
  expect((await s.larder("unload", "acme/linear")).stdout).toBe("acme/linear was not loaded\n");
});
