import { expect, test } from "bun:test";
import { generateFiles, tinyGguf, tinySafetensors } from "./model-files.ts";

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("latin1");
}

test("tinyGguf() is laid out as the format says", () => {
  const file = tinyGguf({
    name: "N",
    tensors: { "t": [3, 5], "u": [7] },
    tokens: 2,
    contextLength: 4096,
    fileType: 15,
  });
  const view = new DataView(file.buffer);
  expect(ascii(file, 0, 4)).toBe("GGUF");
  expect([view.getUint32(4, true), view.getBigUint64(8, true), view.getBigUint64(16, true)]).toEqual([
    3,
    2n,
    6n,
  ]);
  // the first pair: length of the key, key, type 8 (string), length, text
  expect([view.getBigUint64(24, true), ascii(file, 32, 52)]).toEqual([20n, "general.architecture"]);
  expect([view.getUint32(52, true), view.getBigUint64(56, true), ascii(file, 64, 69)]).toEqual([
    8,
    5n,
    "llama",
  ]);
  const after = (key: string) => Buffer.from(file).indexOf(key) + key.length;
  expect(view.getUint32(after("llama.context_length") + 4, true)).toBe(4096);
  expect(view.getUint32(after("general.file_type") + 4, true)).toBe(15);
  expect(view.getBigUint64(after("general.parameter_count") + 4, true)).toBe(22n);
  const tokens = after("tokenizer.ggml.tokens");
  expect([view.getUint32(tokens, true), view.getUint32(tokens + 4, true)]).toEqual([9, 8]); // an array of strings
  expect(view.getBigUint64(tokens + 8, true)).toBe(2n);
  // two strings of 7 letters, then name "t", two dimensions, type F32, offset 0; name "u", one dimension, offset 64 (60 aligned)
  const t = tokens + 16 + 2 * 15;
  expect(ascii(file, t + 8, t + 9)).toBe("t");
  expect([view.getUint32(t + 9, true), view.getBigUint64(t + 13, true), view.getBigUint64(t + 21, true)])
    .toEqual([2, 3n, 5n]);
  expect([view.getUint32(t + 29, true), view.getBigUint64(t + 33, true)]).toEqual([0, 0n]);
  const u = t + 41;
  expect([ascii(file, u + 8, u + 9), view.getBigUint64(u + 25, true)]).toEqual(["u", 64n]);
  const dataStart = Math.ceil((u + 33) / 32) * 32;
  expect(file.length).toBe(dataStart + 64 + 28);
});

test("tinyGguf() is as long as asked, with a long header when asked", () => {
  expect(tinyGguf({ bytes: 100_003 }).length).toBe(100_003);
  const long = tinyGguf({ tokens: 20_000, bytes: 400_000 });
  expect(long.length).toBe(400_000);
  expect(Buffer.from(long).indexOf("token 19999")).toBeGreaterThan(300_000);
  expect(() => tinyGguf({ bytes: 100 })).toThrow("100 bytes");
  expect(tinyGguf({ seed: 1 })).not.toEqual(tinyGguf({ seed: 2 }));
});

test("tinySafetensors() is a length, a header whose data begins at a multiple of 8, and the data", () => {
  const tensors = {
    a: { dtype: "BF16", shape: [2, 3] },
    b: { shape: [5] },
    c: { dtype: "I8", shape: [] },
  } as const;
  const file = tinySafetensors({ tensors, metadata: { format: "pt" } });
  const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
  expect(headerBytes % 8).toBe(0);
  expect(JSON.parse(ascii(file, 8, 8 + headerBytes))).toEqual({
    __metadata__: { format: "pt" },
    a: { dtype: "BF16", shape: [2, 3], data_offsets: [0, 12] },
    b: { dtype: "F32", shape: [5], data_offsets: [12, 32] },
    c: { dtype: "I8", shape: [], data_offsets: [32, 33] },
  });
  expect(file.length).toBe(8 + headerBytes + 33);
});

test("generateFiles() makes files that differ, the same ones for a seed", () => {
  const files = generateFiles({ count: 3, sizeBytes: 100, seed: 9 });
  expect(Object.keys(files)).toEqual(["files/0001.txt", "files/0002.txt", "files/0003.txt"]);
  expect(new Set(Object.values(files).map((bytes) => Buffer.from(bytes).toString("hex"))).size).toBe(3);
  expect(generateFiles({ count: 3, sizeBytes: 100, seed: 9 })).toEqual(files);
});
