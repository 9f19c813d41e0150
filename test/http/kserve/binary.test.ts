import { describe, expect, test } from "bun:test";
import type { Tensor } from "../../../src/runtimes/types.ts";
import { runningModels } from "../models-setup.ts";
import { binaryAnswer, binaryRequest } from "./binary-body.ts";

const INFER = "/v2/models/mymodel/infer";

const INPUT0 = { name: "input0", shape: [2, 2], datatype: "UINT32", parameters: { binary_data_size: 16 } };
const INPUT1 = { name: "input1", shape: [3], datatype: "BOOL", parameters: { binary_data_size: 3 } };
const BYTES = Buffer.from("01000000020000000300000004000000" + "010001", "hex");

const OUTPUT0: Tensor = { dtype: "float32", shape: [3, 2], data: Float32Array.of(1, 1.1, 2, 2.1, 3, 3.1) };
/** The same as IEEE 754 writes it, little-endian. */
const OUTPUT0_BYTES = "0000803fcdcc8c3f000000406666064000004040" + "66664640";

describe("the binary tensor data extension", () => {
  test("its example: two inputs of 19 bytes together, one output of 24", async () => {
    await using s = await runningModels();
    s.models.outputs = { output0: OUTPUT0 };
    const head = {
      model_name: "mymodel",
      inputs: [INPUT0, INPUT1],
      outputs: [{ name: "output0", parameters: { binary_data: true } }],
    };
    const response = await s.fetch(INFER, binaryRequest(head, BYTES));
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "application/octet-stream",
    ]);
    const length = Number(response.headers.get("inference-header-content-length"));
    expect(response.headers.get("content-length")).toBe(String(length + 24));
    const answer = await binaryAnswer(response);
    expect(answer.head).toMatchObject({
      outputs: [{ name: "output0", shape: [3, 2], datatype: "FP32", parameters: { binary_data_size: 24 } }],
    });
    expect(JSON.stringify(answer.head)).not.toContain('"data"');
    expect(answer.binary.toString("hex")).toBe(OUTPUT0_BYTES);
    expect(s.models.calls).toEqual([["infer", { model: "mymodel" }, {
      input0: { dtype: "uint32", shape: [2, 2], data: Uint32Array.of(1, 2, 3, 4) },
      input1: { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) },
    }, ["output0"]]]);
  });

  test("binary_data_output holds for all outputs but those that say otherwise", async () => {
    await using s = await runningModels();
    const text: Tensor = { dtype: "string", shape: [2], data: ["a", "bä"] };
    s.models.outputs = { a: OUTPUT0, b: OUTPUT0, c: text };
    const head = {
      inputs: [INPUT0, INPUT1],
      parameters: { binary_data_output: true },
      outputs: [{ name: "c" }, { name: "a", parameters: { binary_data: false } }, { name: "b" }],
    };
    const { head: answer, binary } = await binaryAnswer(await s.fetch(INFER, binaryRequest(head, BYTES)));
    expect(answer["outputs"]).toMatchObject([
      { name: "c", datatype: "BYTES", parameters: { binary_data_size: 12 } },
      { name: "a", data: [1, expect.closeTo(1.1, 6), 2, expect.closeTo(2.1, 6), 3, expect.closeTo(3.1, 6)] },
      { name: "b", parameters: { binary_data_size: 24 } },
    ]);
    // Each text is its length in four bytes, then its UTF-8.
    expect(binary.toString("hex")).toBe(`01000000` + "61" + "03000000" + "62c3a4" + OUTPUT0_BYTES);
  });

  test("binary outputs of a request in JSON", async () => {
    await using s = await runningModels();
    s.models.outputs = { output0: OUTPUT0, probabilities: { rows: [{ no: 1, yes: 2 }] } };
    const body = JSON.stringify({
      inputs: [{ name: "x", shape: [1], datatype: "FP32", data: [1] }],
      parameters: { binary_data_output: true },
    });
    const headers = { "content-type": "application/json" };
    const { head, binary } = await binaryAnswer(await s.fetch(INFER, { method: "POST", headers, body }));
    expect(head["outputs"]).toMatchObject([
      { parameters: { binary_data_size: 24 } },
      { parameters: { binary_data_size: 8, labels: '["no","yes"]' } },
    ]);
    expect(binary.toString("hex")).toBe(`${OUTPUT0_BYTES}0000803f00000040`);
  });

  test("JSON and binary inputs may stand beside each other", async () => {
    await using s = await runningModels();
    const json = { name: "j", shape: [1], datatype: "FP64", data: [0.5] };
    const head = { inputs: [INPUT1, json, INPUT0] };
    const bytes = Buffer.concat([BYTES.subarray(16), BYTES.subarray(0, 16)]);
    expect((await s.fetch(INFER, binaryRequest(head, bytes))).status).toBe(200);
    expect(s.models.calls[0]?.[2]).toEqual({
      input1: { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) },
      j: { dtype: "float64", shape: [1], data: Float64Array.of(0.5) },
      input0: { dtype: "uint32", shape: [2, 2], data: Uint32Array.of(1, 2, 3, 4) },
    });
  });

  test.each<[string, string, number[], Tensor["data"]]>([
    ["UINT8", "00ff", [2], Uint8Array.of(0, 255)],
    ["UINT16", "0102ffff", [2], Uint16Array.of(0x0201, 65535)],
    ["UINT64", "ffffffffffffffff", [1], BigUint64Array.of(2n ** 64n - 1n)],
    ["INT8", "80", [1, 1], Int8Array.of(-128)],
    ["INT16", "0080", [1], Int16Array.of(-32768)],
    ["INT32", "feffffff", [1], Int32Array.of(-2)],
    ["INT64", "0000000000000080", [1], BigInt64Array.of(-(2n ** 63n))],
    ["FP16", "003c00c0", [2], Uint16Array.of(0x3c00, 0xc000)],
    ["BF16", "803f", [1], Uint16Array.of(0x3f80)],
    ["FP32", "0000003f", [1], Float32Array.of(0.5)],
    ["FP64", "000000000000e03f", [], Float64Array.of(0.5)],
    ["BYTES", "0000000002000000c3a4", [2], ["", "ä"]],
    ["BYTES", "", [0], []],
    ["FP32", "", [0, 4], new Float32Array()],
  ])("%s %s, there and back", async (datatype, hex, shape, data) => {
    await using s = await runningModels();
    const bytes = Buffer.from(hex, "hex");
    const x = { name: "x", shape, datatype, parameters: { binary_data_size: bytes.length } };
    // Behind an odd byte, so that nothing is aligned by luck.
    const odd = { name: "odd", shape: [1], datatype: "UINT8", parameters: { binary_data_size: 1 } };
    const init = binaryRequest(
      { inputs: [odd, x], parameters: { binary_data_output: true } },
      Buffer.concat([Buffer.of(7), bytes]),
    );
    expect((await s.fetch(INFER, init)).status).toBe(200);
    const { x: got } = s.models.calls[0]?.[2] as { x: Tensor };
    expect([got.shape, got.data]).toEqual([shape, data]);
    s.models.outputs = { x: got };
    expect((await binaryAnswer(await s.fetch(INFER, init))).binary.toString("hex")).toBe(hex);
  });

  const input = (more: object) => ({ inputs: [{ ...INPUT0, ...more }] });
  test.each<[string, object, string, string]>([
    ["fewer bytes than the sizes say", { inputs: [INPUT0, INPUT1] }, BYTES.toString("hex", 0, 18), "input1"],
    ["more bytes than the sizes say", { inputs: [INPUT0] }, BYTES.toString("hex"), "3 bytes"],
    [
      "fewer bytes than the shape takes",
      input({ parameters: { binary_data_size: 15 } }),
      "00".repeat(15),
      "input0",
    ],
    ["both forms of data", input({ data: [1, 2, 3, 4] }), "00".repeat(16), "input0"],
    ["a size below zero", input({ parameters: { binary_data_size: -1 } }), "", "binary_data_size"],
    [
      "a size that is no number",
      input({ parameters: { binary_data_size: "16" } }),
      "00".repeat(16),
      "binary_data_size",
    ],
    ["a byte that is no truth value", { inputs: [INPUT1] }, "000102", "input1"],
    [
      "a text that goes on beyond the end",
      { inputs: [{ ...INPUT1, datatype: "BYTES", shape: [1] }] },
      "040000",
      "input1",
    ],
    [
      "a text longer than its data",
      { inputs: [{ ...INPUT1, datatype: "BYTES", shape: [1], parameters: { binary_data_size: 5 } }] },
      "ffffffff61",
      "input1",
    ],
    [
      "more texts than the shape takes",
      { inputs: [{ ...INPUT1, datatype: "BYTES", shape: [1], parameters: { binary_data_size: 8 } }] },
      "0000000000000000",
      "input1",
    ],
    [
      "a text that is not UTF-8",
      { inputs: [{ ...INPUT1, datatype: "BYTES", shape: [1], parameters: { binary_data_size: 5 } }] },
      "01000000ff",
      "input1",
    ],
    ["a shape of more bytes than there are", input({ shape: [2 ** 40, 2 ** 40] }), "00".repeat(16), "input0"],
  ])("refuses %s", async (_, head, hex, named) => {
    await using s = await runningModels();
    const response = await s.fetch(INFER, binaryRequest(head, Buffer.from(hex, "hex")));
    expect(response.status).toBe(400);
    expect((await response.json() as { error: string }).error).toContain(named);
    expect(s.models.calls).toEqual([]);
  });

  test.each([["100000"], ["-1"], ["1.5"], ["x"], ["0"], ["3"]])(
    "refuses %s as the length of the JSON",
    async (length) => {
      await using s = await runningModels();
      const headers = { "inference-header-content-length": length };
      const response = await s.fetch(INFER, binaryRequest({ inputs: [INPUT0, INPUT1] }, BYTES, headers));
      expect([response.status, Object.keys(await response.json() as object)]).toEqual(
        [400, ["error", "code"]] as never,
      );
      expect(s.models.calls).toEqual([]);
    },
  );

  test("a size without bytes behind the JSON is refused", async () => {
    await using s = await runningModels();
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ inputs: [INPUT0] });
    expect((await s.fetch(INFER, { method: "POST", headers, body })).status).toBe(400);
  });
});
