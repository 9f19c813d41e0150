import { expect, test } from "bun:test";
import { parseGguf } from "../../../src/runtimes/headers/index.ts";
import { tinyGguf } from "../../helpers/model-files.ts";
import {
  ARCHITECTURE,
  ggufBytes,
  type GgufWish,
  int32Value,
  textsValue,
  textValue,
  uint16Value,
  uint64Value,
} from "./gguf-bytes.ts";
import { faultOf, readerOf } from "./setup.ts";

const parse = (wish: GgufWish) => parseGguf(readerOf(ggufBytes(wish)));
const fault = (wish: GgufWish) => faultOf(parse(wish));
const BROKEN = expect.objectContaining({ code: "MODEL_BROKEN", offset: expect.any(Number) });

test("a GGUF file tells its architecture, its context, and what its tensors are", async () => {
  const header = await parseGguf(readerOf(tinyGguf({
    architecture: "qwen3",
    contextLength: 40960,
    fileType: 15,
    tensors: { "token_embd.weight": [64, 8], "output_norm.weight": [64] },
  })));
  expect(header).toMatchObject({
    architecture: "qwen3",
    kind: null,
    contextLength: 40960,
    quantization: "Q4_K_M",
    parameters: 64 * 8 + 64,
    weightBytes: 4 * (64 * 8 + 64),
    split: null,
  });
  expect(header.tensors.map(({ name, type, dimensions }) => [name, type, dimensions])).toEqual([
    ["token_embd.weight", "F32", [64, 8]],
    ["output_norm.weight", "F32", [64]],
  ]);
});

test("tensors lie where the file says, and their bytes are the file's", async () => {
  const file = tinyGguf({ tensors: { a: [3], b: [8] } });
  const { tensors } = await parseGguf(readerOf(file));
  const [a, b] = tensors;
  expect([a?.sizeBytes, b?.sizeBytes]).toEqual([12, 32]);
  expect(a && b && b.start - a.start).toBe(32);
  expect(b && b.start + b.sizeBytes).toBe(file.length);
});

test("without a file type the quantization is the type that most bytes have", async () => {
  const tensors = [{ name: "small", dimensions: [32], offset: 0 }, {
    name: "large",
    dimensions: [256, 8],
    type: 12,
    offset: 128,
  }];
  expect((await parse({ tensors, dataBytes: 128 + 8 * 144 })).quantization).toBe("Q4_K");
});

test("the context length may be written before the architecture, and in 64 bits", async () => {
  const pairs = [["llama.context_length", uint64Value(131072n)], ARCHITECTURE] as const;
  expect((await parse({ pairs })).contextLength).toBe(131072);
});

test("a part of a split knows its number, and need not know anything else", async () => {
  const pairs = [
    ["split.no", uint16Value(1)],
    ["split.count", uint16Value(3)],
    ["split.tensors.count", int32Value(7)],
  ] as const;
  expect(await parse({ pairs })).toMatchObject({
    architecture: null,
    split: { index: 1, count: 3, tensors: 7 },
  });
});

test("version 2 is read like version 3, and a file of a vocabulary alone has no weights", async () => {
  expect((await parse({ version: 2 })).parameters).toBe(32);
  expect(await parse({ tensors: [], dataBytes: 0 })).toMatchObject({ parameters: 0, weightBytes: 0 });
});

/** Elements in a block and its bytes, added up from the fields of ggml's blocks: scales, minimums, quants, high bits. */
const K = 256;
test.each([
  [0, 1, 4],
  [1, 1, 2],
  [2, 32, 2 + 16],
  [3, 32, 2 + 2 + 16],
  [6, 32, 2 + 4 + 16],
  [7, 32, 2 + 2 + 4 + 16],
  [8, 32, 2 + 32],
  [9, 32, 2 + 2 + 32],
  [10, K, 2 + 2 + K / 16 + K / 4],
  [11, K, 2 + K / 4 + K / 8 + 12],
  [12, K, 2 + 2 + K / 2 + 12],
  [13, K, 2 + 2 + K / 2 + K / 8 + 12],
  [14, K, 2 + K / 2 + K / 4 + K / 16],
  [15, K, 4 + K + K / 8],
  [16, K, 2 + K / 4],
  [17, K, 2 + K / 4 + K / 32],
  [18, K, 2 + K / 4 + K / 8],
  [19, K, 2 + K / 8 + K / 16],
  [20, 32, 2 + 16],
  [21, K, 2 + K / 4 + K / 8 + K / 32 + 4],
  [22, K, 2 + K / 4 + K / 16],
  [23, K, 2 + 2 + K / 2 + K / 64],
  [24, 1, 1],
  [25, 1, 2],
  [26, 1, 4],
  [27, 1, 8],
  [28, 1, 8],
  [29, K, K / 8 + K / 16 + K / 32],
  [30, 1, 2],
  [34, K, 2 + 4 * 13],
  [35, K, 2 + 64],
  [39, 32, 1 + 16],
  [40, 64, 4 + 32],
  [41, 128, 2 + 16],
  [42, 64, 2 + 16],
])(
  "F05: a tensor of type %d needs all its bytes: blocks of %d elements in %d bytes",
  async (type, elements, bytes) => {
    const tensors = [{ dimensions: [elements * 3, 2], type }];
    expect((await parse({ tensors, dataBytes: bytes * 6 })).weightBytes).toBe(bytes * 6);
    expect(await fault({ tensors, dataBytes: bytes * 6 - 1 })).toEqual(BROKEN);
    if (elements > 1) {
      const uneven = [{ dimensions: [elements * 3 - 1, 2], type }];
      expect(await fault({ tensors: uneven, dataBytes: bytes * 6 })).toEqual(BROKEN);
    }
  },
);

test("F17: a chat template is stepped over: nothing of it is told, and none of it is run", async () => {
  const template = "{{ cycler.__init__.__globals__.os.popen('id').read() }}";
  const header = await parse({ pairs: [ARCHITECTURE, ["tokenizer.chat_template", textValue(template)]] });
  expect(JSON.stringify(header)).not.toContain("cycler");
});

test("names that could forge a line of a log are not shown as they are", async () => {
  const name = "a\nb\u202e";
  const { message } = await fault({ tensors: [{ name, dimensions: [1] }, { name, dimensions: [1] }] });
  expect(message).toContain(String.raw`a\nb\u202e`);
  expect((await parse({ pairs: [["general.architecture", textValue("a\nb")]] })).architecture).toBeNull();
});

test("of a file of 40 GB only the header is read, in pieces that stay small", async () => {
  const rows = 10_000_000;
  const tokens = Array.from({ length: 100_000 }, (_, i) => `token ${i}`);
  const head = ggufBytes({
    pairs: [ARCHITECTURE, ["tokenizer.ggml.tokens", textsValue(tokens)]],
    tensors: [{ dimensions: [1000, rows] }],
    dataBytes: 0,
  });
  const reader = readerOf(head, { sizeBytes: head.length + 4000 * rows });
  expect((await parseGguf(reader)).weightBytes).toBe(4000 * rows);
  expect(Math.max(...reader.reads)).toBeLessThanOrEqual(256 * 1024);
  expect(reader.reads.reduce((sum, one) => sum + one)).toBeLessThan(2 * head.length + 2 ** 20);
});

test("a signal ends the reading with its reason", async () => {
  const reason = new Error("enough");
  const file = readerOf(ggufBytes());
  expect(await parseGguf(file, AbortSignal.abort(reason)).catch((error) => error)).toBe(reason);
});
