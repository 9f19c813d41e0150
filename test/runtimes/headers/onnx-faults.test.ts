import { expect, test } from "bun:test";
import { parseOnnx } from "../../../src/runtimes/headers/index.ts";
import {
  floatTensor,
  onnxTensor,
  onnxValue,
  sequenceType,
  tensorType,
} from "../../../scripts/onnx/onnx-proto.ts";
import {
  bytesField,
  floatBytes,
  floatField,
  messageField,
  tag,
  varint,
  varintField,
} from "../../../scripts/onnx/protobuf.ts";
import { joined, model, Y } from "./onnx-bytes.ts";
import { faultOf, readerOf } from "./setup.ts";

const parse = (bytes: Uint8Array) => parseOnnx(readerOf(bytes));
const fault = (bytes: Uint8Array) => faultOf(parse(bytes));
const BROKEN = expect.objectContaining({ code: "MODEL_BROKEN", offset: expect.any(Number) });
const UNSUPPORTED = expect.objectContaining({ code: "NOT_SUPPORTED", offset: expect.any(Number) });

test.each<[string, Uint8Array]>([
  ["too few bytes", onnxTensor("w", "float32", [4, 3], new Uint8Array(44))],
  ["too many bytes", onnxTensor("w", "float32", [4, 3], new Uint8Array(52))],
  ["no bytes", onnxTensor("w", "float32", [2 ** 20, 2 ** 20], new Uint8Array())],
  ["a product beyond 2^64", onnxTensor("w", "float32", [2 ** 40, 2 ** 40], new Uint8Array(48))],
  ["a product that comes back to 1", onnxTensor("w", "uint8", [2 ** 32 + 1, 2 ** 32 + 1], new Uint8Array(1))],
  ["a negative dimension", onnxTensor("w", "float32", [-4, -3], new Uint8Array(48))],
  ["too many dimensions", onnxTensor("w", "uint8", Array(65).fill(1), new Uint8Array(1))],
  ["no type", joined(varintField(1, 1), bytesField(8, "w"), bytesField(9, new Uint8Array(4)))],
  [
    "a type that there is not",
    joined(varintField(1, 1), varintField(2, 29), bytesField(9, new Uint8Array(4))),
  ],
  ["a negative type", joined(varintField(1, 1), varintField(2, -1), bytesField(9, new Uint8Array(4)))],
  ["strings as raw bytes", onnxTensor("w", "string", [1], new Uint8Array(4))],
  [
    "fewer floats than elements",
    joined(varintField(1, 3), varintField(2, 1), messageField(4, floatBytes([1, 2]))),
  ],
  [
    "more floats than elements",
    joined(varintField(1, 1), varintField(2, 1), messageField(4, floatBytes([1, 2]))),
  ],
  [
    "fewer whole numbers than elements",
    joined(varintField(1, 3), varintField(2, 7), messageField(7, varint(1))),
  ],
  ["fewer texts than elements", joined(varintField(1, 3), varintField(2, 8), bytesField(6, "a"))],
  [
    "values of another type",
    joined(varintField(1, 2), varintField(2, 1), messageField(7, varint(1), varint(2))),
  ],
  ["a place that there is not", joined(floatTensor("w", [1], [1]), varintField(14, 2))],
])("F15: a tensor with %s is refused", async (_, tensor) => {
  expect(await fault(model({ initializers: [tensor] }))).toEqual(BROKEN);
});

test("F15: a tensor in segments is not supported", async () => {
  const tensor = joined(floatTensor("w", [1], [1]), messageField(3, varintField(1, 0), varintField(2, 1)));
  expect(await fault(model({ initializers: [tensor] }))).toEqual(UNSUPPORTED);
});

test.each<[string, Uint8Array]>([
  ["a number of eleven bytes", joined(tag(5, 0), new Uint8Array(10).fill(0x80), Uint8Array.of(1))],
  ["a number of more than 64 bits", joined(tag(5, 0), new Uint8Array(9).fill(0xff), Uint8Array.of(2))],
  ["a number that does not end", joined(tag(5, 0), Uint8Array.of(0x80))],
  ["a key that does not end", Uint8Array.of(0xff)],
  ["a key of more than 32 bits", joined(varint(2n ** 34n + 99n * 8n), varint(1))],
  ["a key in more bytes than it needs", Uint8Array.of(0xa8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01)],
  ["a field with the number 0", Uint8Array.of(0x00, 0x00)],
  ["the beginning of a group", tag(99, 3)],
  ["the end of a group", tag(99, 4)],
  ["a kind that there is not", tag(99, 7)],
  ["a field longer than the file", joined(tag(99, 2), varint(1000))],
  ["a field of 2 GiB", joined(tag(99, 2), varint(2 ** 31))],
  ["a field of 2^63 bytes", joined(tag(99, 2), varint(2n ** 63n))],
  ["a field of 2^64 - 1 bytes", joined(tag(99, 2), varint(2n ** 64n - 1n))],
  ["four bytes too few", joined(tag(99, 5), Uint8Array.of(1))],
  ["eight bytes too few", joined(tag(99, 1), Uint8Array.of(1))],
])("F15: a file that ends in %s is refused", async (_, end) => {
  expect(await fault(joined(model(), end))).toEqual(BROKEN);
  expect(await fault(joined(model(), messageField(7, end)))).toEqual(BROKEN);
});

test("F15: unknown fields of every kind are stepped over, as newer versions have them", async () => {
  const more = joined(
    varintField(99, -1),
    bytesField(99, "abc"),
    floatField(99, 1),
    tag(99, 1),
    new Uint8Array(8),
  );
  expect((await parse(joined(model(), more))).inputs).toHaveLength(1);
});

test("F15: a field that crosses the end of its message is refused, though what it would swallow is a whole field", async () => {
  const next = bytesField(2, "swallowed");
  const name = joined(tag(1, 2), varint(1 + next.length), Buffer.from("x"));
  const value = joined(messageField(2, tensorType("float32")), name);
  expect((await parse(model({ inputs: [joined(value, next)] }))).inputs).toHaveLength(1);
  const graph = joined(messageField(11, value), next, messageField(12, Y));
  expect(await fault(joined(varintField(1, 8), messageField(7, graph), messageField(8, varintField(2, 17)))))
    .toEqual(BROKEN);
});

test("F15: a packed number that crosses the end of its field is refused, though it would be the right one", async () => {
  const values = joined(varintField(2, 1), bytesField(9, new Uint8Array(4 * 128)));
  const dims = (length: number) => joined(tag(1, 2), varint(length), Uint8Array.of(0x80, 0x01));
  expect((await parse(model({ initializers: [joined(values, dims(2))] }))).parameters).toBe(128);
  expect(await fault(model({ initializers: [joined(values, dims(1))] }))).toEqual(BROKEN);
});

test("F15: a field of another kind than it should be is refused", async () => {
  expect(await fault(joined(model(), bytesField(1, "8")))).toEqual(BROKEN);
  expect(await fault(joined(varintField(7, 1), model()))).toEqual(BROKEN);
  expect(await fault(model({ inputs: [joined(varintField(1, 5), messageField(2, tensorType("float32")))] })))
    .toEqual(BROKEN);
  expect(await fault(model({ initializers: [joined(floatTensor("w", [1], [1]), varintField(9, 4))] })))
    .toEqual(BROKEN);
});

/** Each graph is three messages: the graph, its node, its attribute. */
function nested(graphs: number): Uint8Array {
  let graph: Uint8Array = new Uint8Array();
  for (let i = 0; i < graphs; i++) graph = messageField(1, messageField(5, messageField(6, graph)));
  return joined(varintField(1, 8), messageField(7, graph), messageField(8, varintField(2, 17)));
}

test("F15: graphs inside graphs are read to a depth of 100 messages", async () => {
  expect((await parse(nested(33))).inputs).toEqual([]);
  expect(await fault(nested(34))).toEqual(BROKEN);
  expect(await fault(nested(3_000))).toEqual(BROKEN);
});

test("F15: types inside types are read to the same depth", async () => {
  const deep = (depth: number) => {
    let type = tensorType("float32");
    for (let i = 0; i < depth; i++) type = sequenceType(type);
    return model({ outputs: [onnxValue("y", type)] });
  };
  expect((await parse(deep(40))).outputs).toEqual([{
    name: "y",
    type: `${"seq(".repeat(40)}tensor(float)${")".repeat(40)}`,
  }]);
  expect(await fault(deep(60))).toEqual(BROKEN);
});

test("F15: a file of 2 GiB is refused without a look at it", async () => {
  const reader = readerOf(model(), { sizeBytes: 2 ** 31 });
  expect(await faultOf(parseOnnx(reader))).toMatchObject({ code: "MODEL_BROKEN", offset: 0 });
  expect(reader.reads).toEqual([]);
});
