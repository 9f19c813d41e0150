import { expect, test } from "bun:test";
import { parseGguf } from "../../../src/runtimes/headers/index.ts";
import {
  ARCHITECTURE,
  arrayValue,
  ggufBytes,
  type GgufTensorWish,
  type GgufWish,
  textsValue,
  textValue,
  uint32Value,
  uint64Value,
} from "./gguf-bytes.ts";
import { faultOf, readerOf } from "./setup.ts";

const parse = (wish: GgufWish) => parseGguf(readerOf(ggufBytes(wish)));
const fault = (wish: GgufWish) => faultOf(parse(wish));
const BROKEN = expect.objectContaining({ code: "MODEL_BROKEN", offset: expect.any(Number) });
const UNSUPPORTED = expect.objectContaining({ code: "NOT_SUPPORTED", offset: expect.any(Number) });

test("F01: an empty file, a wrong magic and a wrong version are no GGUF files", async () => {
  expect(await faultOf(parseGguf(readerOf(new Uint8Array())))).toMatchObject({
    code: "MODEL_BROKEN",
    offset: 0,
  });
  expect(await fault({ magic: "GGML" })).toMatchObject({ code: "MODEL_BROKEN", offset: 0 });
  expect(await fault({ version: 0 })).toMatchObject({ code: "MODEL_BROKEN", offset: 4 });
  for (const version of [1, 4, 0x01000000, 0x03000000]) {
    expect(await fault({ version })).toMatchObject({ code: "NOT_SUPPORTED", offset: 4 });
  }
});

test("F01: a big-endian file is named as one", async () => {
  expect((await fault({ version: 0x03000000 })).message).toContain("big-endian");
});

test("F02: counts that the file cannot hold are refused before anything is read for them", async () => {
  for (const count of [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, 1000n]) {
    for (const wish of [{ tensorCount: count }, { pairCount: count }]) {
      const reader = readerOf(ggufBytes(wish));
      expect(await faultOf(parseGguf(reader))).toMatchObject({ code: "MODEL_BROKEN", offset: 8 });
      expect(reader.reads).toHaveLength(1);
    }
  }
});

test("F02: more tensors or values than any model has are refused in a file that could hold them", async () => {
  const dataBytes = 3 * 2 ** 20;
  expect(await fault({ tensorCount: 65_537n, dataBytes })).toMatchObject({
    code: "NOT_SUPPORTED",
    offset: 8,
  });
  expect(await fault({ pairCount: 16_385n, dataBytes })).toMatchObject({ code: "NOT_SUPPORTED", offset: 8 });
});

test("F03: strings and arrays that are longer than the file are refused", async () => {
  const long = [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n + 1n, 100_000n];
  const bytes = new Uint8Array(64);
  for (const count of long) {
    const claimed = new Uint8Array(8);
    new DataView(claimed.buffer).setBigUint64(0, count, true);
    for (
      const value of [
        arrayValue(0, count, bytes),
        arrayValue(8, count, bytes),
        arrayValue(12, count, bytes),
        { type: 8, bytes: claimed },
      ]
    ) {
      expect(await fault({ pairs: [["a.b", value]] })).toEqual(BROKEN);
    }
  }
  const texts = arrayValue(
    8,
    2,
    Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 65, 255, 255, 255, 255, 255, 255, 255, 127),
  );
  expect(await fault({ pairs: [["tokenizer.ggml.tokens", texts]] })).toEqual(BROKEN);
});

test("F03: an array of more strings than the file can hold is refused before they are looked for", async () => {
  const pairs = [["a.b", arrayValue(8, 2 ** 20, new Uint8Array())]] as const;
  const reader = readerOf(ggufBytes({ pairs, tensors: [], dataBytes: 8 * 2 ** 20 - 1000 }));
  expect(await faultOf(parseGguf(reader))).toEqual(BROKEN);
  expect(reader.reads.reduce((sum, one) => sum + one)).toBeLessThan(2 ** 18);
});

test("F03: a key is 1 to 65,535 bytes of visible ASCII", async () => {
  expect((await parse({ pairs: [ARCHITECTURE, ["k".repeat(65_535), uint32Value(1)]] })).architecture).toBe(
    "llama",
  );
  for (const key of ["", "k".repeat(65_536), "a b", "a\nb", "schlüssel", "\u202e"]) {
    expect(await fault({ pairs: [[key, uint32Value(1)]] })).toEqual(BROKEN);
  }
});

test("F03: arrays of arrays, which no reader of ggml takes, are not supported however deep", async () => {
  let value = arrayValue(4, 1, Uint8Array.of(1, 0, 0, 0));
  for (let depth = 0; depth < 6; depth++) {
    value = arrayValue(9, 1, value.bytes);
    expect(await fault({ pairs: [["a.b", value]] })).toEqual(UNSUPPORTED);
  }
});

test("F04: dimensions whose product does not fit are refused", async () => {
  for (
    const dimensions of [
      [2n ** 32n, 2n ** 32n],
      [2n ** 62n, 4],
      [2n ** 63n],
      [2n ** 64n - 1n],
      [2n ** 63n, 0],
      [2n ** 16n, 2n ** 16n, 2n ** 16n, 2n ** 16n],
      [2n ** 61n],
    ]
  ) {
    expect(await fault({ tensors: [{ dimensions, offset: 0 }] })).toEqual(BROKEN);
  }
});

test("F04: more than four dimensions are refused", async () => {
  expect((await parse({ tensors: [{ dimensions: [2, 2, 2, 2] }] })).parameters).toBe(16);
  expect(await fault({ tensors: [{ dimensions: [2, 2, 2, 2, 2] }] })).toEqual(BROKEN);
});

test.each<[string, GgufTensorWish[]]>([
  ["beyond the file's end", [{ offset: 256 }]],
  ["partly beyond it", [{ dimensions: [65] }]],
  ["at 2^63", [{ offset: 2n ** 63n }]],
  ["so far out that adding its size gives a small number", [{ offset: 2n ** 64n - 32n }]],
  ["inside the one before", [{ dimensions: [16] }, { dimensions: [8], offset: 32 }]],
  ["where the one before begins", [{ dimensions: [8] }, { dimensions: [8], offset: 0 }]],
  ["behind a gap", [{ dimensions: [8] }, { dimensions: [8], offset: 64 }]],
  ["before one that is listed earlier", [{ dimensions: [8], offset: 32 }, { dimensions: [8], offset: 0 }]],
])("F05: a tensor that lies %s is refused", async (_, tensors) => {
  expect(await fault({ tensors })).toEqual(BROKEN);
});

test("F06: an alignment that is no power of two is refused, and any other is obeyed", async () => {
  const at = (alignment: number, tensors: GgufTensorWish[]) => ({
    ...{ pairs: [ARCHITECTURE, ["general.alignment", uint32Value(alignment)] as const] },
    ...{ alignment: alignment <= 128 && alignment > 0 ? alignment : 32, tensors },
  });
  for (const alignment of [0, 3, 24, 33, 2 ** 32 - 1]) expect(await fault(at(alignment, []))).toEqual(BROKEN);
  const two = [{ dimensions: [1], offset: 0 }, { dimensions: [1], offset: 64 }];
  expect((await parse(at(64, two))).parameters).toBe(2);
  expect(await fault(at(128, two))).toEqual(BROKEN);
  expect(await fault(at(2 ** 31, [{}]))).toEqual(BROKEN);
});

test("F06: an alignment of another type is refused", async () => {
  const pairs = [ARCHITECTURE, ["general.alignment", uint64Value(32n)]] as const;
  expect(await fault({ pairs })).toEqual(BROKEN);
});

test("F06: a tensor that is not aligned is refused", async () => {
  expect(await fault({ tensors: [{ dimensions: [1] }, { dimensions: [1], offset: 4 }] })).toEqual(BROKEN);
});

test("F07: a key that is there twice is refused, at the second one", async () => {
  const again = await fault({ pairs: [ARCHITECTURE, ARCHITECTURE] });
  expect(again).toMatchObject({ code: "MODEL_BROKEN", offset: 24 + 8 + 20 + 4 + 8 + 5 });
});

test("F07: types of values that there are not are refused", async () => {
  for (const type of [13, 255, 0xffffffff]) {
    expect(await fault({ pairs: [["a.b", { type, bytes: new Uint8Array(16) }]] })).toEqual(BROKEN);
    expect(await fault({ pairs: [["a.b", arrayValue(type, 1, new Uint8Array(16))]] })).toEqual(BROKEN);
  }
});

test("F07: a type of tensor that is gone or new is not supported, a negative one is broken", async () => {
  for (const type of [4, 5, 31, 36, 43, 200]) {
    expect(await fault({ tensors: [{ type }] })).toEqual(UNSUPPORTED);
  }
  for (const type of [-1, -2147483648, 256, 65_536]) {
    expect(await fault({ tensors: [{ type }] })).toEqual(BROKEN);
  }
});

test("F07: a tensor's name is there once and has 1 to 64 bytes", async () => {
  const two = (name: string) => ({ tensors: [{ name: "a", dimensions: [1] }, { name, dimensions: [1] }] });
  expect((await parse(two("n".repeat(64)))).parameters).toBe(2);
  for (const name of ["a", "", "n".repeat(65)]) expect(await fault(two(name))).toEqual(BROKEN);
});

test("F07: a key that would change an object instead of naming a value is refused", async () => {
  for (const key of ["__proto__", "a.__proto__.b", "__proto__.polluted"]) {
    expect(await fault({ pairs: [[key, uint32Value(1)]] })).toEqual(BROKEN);
  }
});

test(
  "F08: a file cut anywhere in its first 64 KiB is refused, and nothing is read beyond its end",
  async () => {
    const pairs = [ARCHITECTURE, ["general.description", textValue("d".repeat(64_000))], [
      "tokenizer.ggml.tokens",
      textsValue(Array.from({ length: 100 }, (_, i) => `token ${i}`)),
    ]] as const;
    const whole = ggufBytes({ pairs, tensors: [{ dimensions: [8] }], dataBytes: 32 });
    expect(whole.length).toBeGreaterThan(2 ** 16);
    expect((await parseGguf(readerOf(whole))).parameters).toBe(8);
    for (let length = 0; length < whole.length; length++) {
      const { code } = await faultOf(parseGguf(readerOf(whole.subarray(0, length))));
      if (code !== "MODEL_BROKEN") throw new Error(`Cut to ${length} bytes: ${code}`);
    }
  },
  60_000,
);
