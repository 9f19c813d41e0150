import { expect, test } from "bun:test";
import { parseSafetensors } from "../../../src/runtimes/headers/index.ts";
import { tinySafetensors } from "../../helpers/model-files.ts";
import { faultOf, readerOf } from "./setup.ts";

/** A file whose header is just this text, with so many bytes behind it. */
function fileOf(header: string | Uint8Array, dataBytes: number, claimed?: bigint): Uint8Array {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(json.length));
  return Buffer.concat([length, json, new Uint8Array(dataBytes)]);
}

const parse = (header: string, dataBytes = 0) => parseSafetensors(readerOf(fileOf(header, dataBytes)));
const fault = (header: string | Uint8Array, dataBytes = 0) =>
  faultOf(parseSafetensors(readerOf(fileOf(header, dataBytes))));
const BROKEN = expect.objectContaining({ code: "MODEL_BROKEN", offset: expect.any(Number) });
const UNSUPPORTED = expect.objectContaining({ code: "NOT_SUPPORTED", offset: expect.any(Number) });

/** Four bytes of data. */
const A = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';

test("a safetensors file tells its tensors in the order of their bytes", async () => {
  const { tensors, weightBytes } = await parseSafetensors(readerOf(tinySafetensors({
    tensors: {
      "b.weight": { dtype: "BF16", shape: [2, 3] },
      "a.bias": { shape: [5] },
      one: { dtype: "I8", shape: [] },
    },
    metadata: { format: "pt" },
  })));
  expect(weightBytes).toBe(12 + 20 + 1);
  expect(tensors.map(({ name, dtype, shape, sizeBytes }) => [name, dtype, shape, sizeBytes])).toEqual([
    ["b.weight", "BF16", [2, 3], 12],
    ["a.bias", "F32", [5], 20],
    ["one", "I8", [], 1],
  ]);
});

test("tensors may be listed in any order, with spaces anywhere, and names may have escapes", async () => {
  const header =
    String.raw` { "x\u0041\n" : { "data_offsets" : [ 4 , 6 ] , "shape" : [ 2 ] , "dtype" : "U8" } , `
      .trimStart() +
    `${A} , "empty" : {"dtype":"F32","shape":[3,0],"data_offsets":[4,4]}\t}\n  `;
  const { tensors } = await parse(header, 6);
  expect(tensors.map(({ name, start }) => [name, start - 8 - header.length])).toEqual([
    ["a", 0],
    ["empty", 4],
    ["xA\n", 4],
  ]);
});

test("a file without tensors is one, with or without metadata", async () => {
  for (
    const header of ["{}", "{}      ", '{"__metadata__":{}}', '{"__metadata__":{"format":"pt","b":"c"}}']
  ) {
    expect(await parse(header)).toEqual({ tensors: [], weightBytes: 0 });
  }
});

/** Widths in bits as the format's document gives them. */
test.each([
  ["BOOL", 8],
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F8_E4M3FNUZ", 8],
  ["F8_E5M2FNUZ", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
])("F12: offsets of %s span %d bits an element", async (dtype, bits) => {
  const header = (end: number) => `{"a":{"dtype":"${dtype}","shape":[4,3],"data_offsets":[0,${end}]}}`;
  const bytes = 12 * bits / 8;
  expect((await parse(header(bytes), bytes)).weightBytes).toBe(bytes);
  expect(await fault(header(bytes - 1), bytes - 1)).toEqual(BROKEN);
});

test("F09: an impossible length of the header is refused after its eight bytes", async () => {
  for (const claimed of [100_000_001n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 53n + 1n]) {
    const reader = readerOf(fileOf("{}", 100, claimed));
    expect(await faultOf(parseSafetensors(reader))).toMatchObject({ code: "MODEL_BROKEN", offset: 0 });
    expect(reader.reads).toEqual([8]);
  }
  const large = readerOf(fileOf("{}", 100, 100_000_001n), { sizeBytes: 200_000_000 });
  expect(await faultOf(parseSafetensors(large))).toMatchObject({ code: "MODEL_BROKEN", offset: 0 });
  expect(large.reads).toEqual([8]);
  const reader = readerOf(fileOf("{}", 100, 103n));
  expect(await faultOf(parseSafetensors(reader))).toMatchObject({ code: "MODEL_BROKEN", offset: 0 });
});

test("F09: a file that ends before its header does is refused", async () => {
  for (let length = 0; length < 8; length++) {
    expect(await faultOf(parseSafetensors(readerOf(new Uint8Array(length))))).toEqual(BROKEN);
  }
  expect(await fault("")).toEqual(BROKEN);
});

test("F09: a header of the greatest length is read in pieces", async () => {
  const json = Buffer.from(`{${A}}`);
  const file = Buffer.concat([fileOf(json, 0, 100_000_000n), new Uint8Array(2000).fill(0x20)]);
  const padded = readerOf(file, { sizeBytes: 8 + 100_000_000 + 4 });
  padded.read = (position, length) => {
    const part = new Uint8Array(length).fill(0x20);
    part.set(file.subarray(position, position + length));
    return Promise.resolve(part);
  };
  expect((await parseSafetensors(padded)).weightBytes).toBe(4);
});

test.each([
  ["no brace first", ` {${A}}`],
  ["an array", "[]"],
  ["text behind it", `{${A}}x`],
  ["a second object behind it", `{${A}}{}`],
  ["zeros as padding", `{${A}}\0`],
  ["no end", `{${A}`],
  ["a comma too many", `{${A},}`],
  ["two commas", `{${A},,${A.replace('"a"', '"b"')}}`],
  ["no colon", '{"a"{}}'],
  ["a name without quotes", '{a:{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'],
  ["a control character in a name", `{"a\nb":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`],
  ["a bad escape", String.raw`{"a\x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`],
  ["half a surrogate pair", String.raw`{"a\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`],
  ["a comment", `{/* */${A}}`],
  ["a tensor that is null", '{"a":null}'],
  ["a tensor that is an array", '{"a":[]}'],
  ["a tensor without anything", '{"a":{}}'],
  ["no type", '{"a":{"shape":[1],"data_offsets":[0,4]}}'],
  ["a type that is a number", '{"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}'],
  ["a shape that is an object", '{"a":{"dtype":"F32","shape":{"0":1},"data_offsets":[0,4]}}'],
  ["a shape inside a shape", '{"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}}'],
  ["one offset", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4]}}'],
  ["three offsets", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,4]}}'],
  ["a key that tensors do not have", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":[]}}'],
  ["a key in another case", '{"a":{"Dtype":"F32","shape":[1],"data_offsets":[0,4]}}'],
  ["metadata that is no object", '{"__metadata__":"pt"}'],
  ["metadata with a number", '{"__metadata__":{"a":1}}'],
  ["metadata with an object", '{"__metadata__":{"a":{}}}'],
])("F10: a header with %s is refused", async (_, header) => {
  expect(await fault(header, 4)).toEqual(BROKEN);
});

test("F10: a header that is not UTF-8 is refused", async () => {
  for (const bad of [[0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
    const name = Buffer.concat([
      Buffer.from('{"a'),
      Uint8Array.from(bad),
      Buffer.from(A.slice(2)),
      Buffer.from("}"),
    ]);
    expect(await fault(name, 4)).toEqual(BROKEN);
    const value = Buffer.concat([
      Buffer.from('{"__metadata__":{"a":"'),
      Uint8Array.from(bad),
      Buffer.from('"}}'),
    ]);
    expect(await fault(value)).toEqual(BROKEN);
  }
});

test("F10: a key that is there twice is refused wherever it is, however it is written", async () => {
  for (
    const header of [
      `{${A},${A}}`,
      String.raw`{${A},"\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`,
      '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      '{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}',
      `{"__metadata__":{},"__metadata__":{},${A}}`,
      `{"__metadata__":{"format":"pt","format":"mlx"},${A}}`,
    ]
  ) {
    expect(await fault(header, 4)).toEqual(BROKEN);
  }
});

test("F10: JSON nested without end is refused at its first level too many", async () => {
  for (
    const header of [
      `{"a":${"[".repeat(500_000)}`,
      `{"a":${'{"a":'.repeat(500_000)}`,
      `{"__metadata__":${"{".repeat(9)}`,
    ]
  ) {
    const { code, offset } = await fault(header);
    expect(code).toBe("MODEL_BROKEN");
    expect(Number(offset)).toBeLessThan(40);
  }
});

test.each([
  ["a gap in front", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8],
  ["a gap between two", `{${A},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12],
  ["bytes behind the last", `{${A}}`, 5],
  ["bytes and no tensor", "{}", 1],
  ["an overlap", `{${A},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, 6],
  ["two tensors in one place", `{${A},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4],
  [
    "a tensor inside another",
    `{"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`,
    4,
  ],
  ["an end beyond the file", `{${A}}`, 3],
  ["an end before the beginning", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', 4],
])("F11: a file with %s is refused", async (_, header, dataBytes) => {
  expect(await fault(header, dataBytes)).toEqual(BROKEN);
});

test.each<[string, string, number?]>([
  ["a negative number", "[-1]"],
  ["a negative zero", "[-0]"],
  ["a fraction", "[1.0]"],
  ["an exponent", "[1e0]"],
  ["a leading zero", "[01]"],
  ["a plus", "[+1]"],
  ["2^53, which a double cannot tell from 2^53 + 1", "[9007199254740992]"],
  ["2^53 + 1", "[9007199254740993]"],
  ["2^64", "[18446744073709551616]"],
  ["a hundred digits", `[${"9".repeat(100)}]`],
  ["a product beyond 2^64", "[4294967296,4294967296,4294967296]"],
  ["a product that comes back to 1", "[4294967297,4294967297]"],
  ["true", "[true]"],
  ["a number as text", '["1"]'],
  ["2^53 + 1 beside a 0", "[0,9007199254740993]", 0],
  ["65 dimensions", `[${Array(65).fill(1)}]`],
])("F12: a shape with %s is refused", async (_, shape, bytes = 4) => {
  const header = `{"a":{"dtype":"F32","shape":${shape},"data_offsets":[0,${bytes}]}}`;
  expect(await fault(header, Number(bytes))).toEqual(BROKEN);
});

test("F12: elements narrower than a byte must end at a whole one", async () => {
  for (const end of [1, 2]) {
    expect(await fault(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,${end}]}}`, end)).toEqual(BROKEN);
  }
});

test("F12: an unknown type is not supported; what cannot be one is broken", async () => {
  expect(await fault('{"a":{"dtype":"F2","shape":[1],"data_offsets":[0,4]}}', 4)).toEqual(UNSUPPORTED);
  expect(await fault('{"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}', 4)).toEqual(BROKEN);
});

test("metadata of several megabytes is stepped over, and 16 MiB in one piece are refused", async () => {
  const long = (bytes: number) => `{"__metadata__":{"ss_tag_frequency":"${"t".repeat(bytes)}"},${A}}`;
  expect((await parse(long(5 * 2 ** 20), 4)).weightBytes).toBe(4);
  expect(await fault(long(17 * 2 ** 20), 4)).toEqual(BROKEN);
});

test("more tensors than any model has are not supported", async () => {
  const entries = Array.from(
    { length: 2 ** 18 + 1 },
    (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`,
  );
  expect(await fault(`{${entries.join()}}`)).toEqual(UNSUPPORTED);
}, 30_000);

test("of a file of 40 GB only the header is read", async () => {
  const bytes = 40_000_000_000;
  const head = fileOf(`{"a":{"dtype":"U8","shape":[${bytes}],"data_offsets":[0,${bytes}]}}`, 0);
  const reader = readerOf(head, { sizeBytes: head.length + bytes });
  expect((await parseSafetensors(reader)).weightBytes).toBe(bytes);
  expect(reader.reads.reduce((sum, one) => sum + one)).toBeLessThan(1000);
});
