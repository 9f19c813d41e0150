// deno-lint-ignore-file no-console -- the seed to repeat a run with is for whoever runs it
import { expect, test } from "bun:test";
import { LarderError } from "../../../src/core/index.ts";
import {
  type ByteReader,
  parseGguf,
  parseOnnx,
  parseSafetensors,
} from "../../../src/runtimes/headers/index.ts";
import { tinyGguf, tinySafetensors } from "../../helpers/model-files.ts";
import {
  externalOnnx,
  linearOnnx,
  linearOnnxWithWeightInputs,
  transformerOnnx,
  treeOnnx,
} from "../../helpers/onnx-files.ts";
import {
  onnxGraph,
  onnxModel,
  onnxValue,
  sequenceType,
  tensorType,
} from "../../../scripts/onnx/onnx-proto.ts";
import {
  ARCHITECTURE,
  arrayValue,
  ggufBytes,
  int32Value,
  textsValue,
  uint16Value,
  uint32Value,
  uint64Value,
} from "./gguf-bytes.ts";
import { mutated, randomFrom } from "./mutate.ts";
import { type CountingReader, readerOf } from "./setup.ts";

/** Inputs for each parser. */
const MUTATIONS = Number(process.env["LARDER_TEST_MUTATIONS"] ?? 20_000);
const SEED = Number(process.env["LARDER_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** Far more than any of these small inputs needs, even on a busy machine. */
const MS_MAX = 2_000;

interface Subject {
  readonly name: string;
  readonly parse: (reader: ByteReader) => Promise<unknown>;
  readonly fixtures: readonly Uint8Array[];
  /** What holds for whatever was accepted. */
  readonly check: (header: never, sizeBytes: number) => void;
}

const gguf: Subject = {
  name: "parseGguf",
  parse: parseGguf,
  fixtures: [
    tinyGguf({
      fileType: 15,
      tensors: { "token_embd.weight": [8, 4], "blk.0.norm": [8], "output.weight": [8, 4] },
    }),
    ggufBytes({
      pairs: [
        ARCHITECTURE,
        ["general.alignment", uint32Value(64)],
        ["llama.context_length", uint64Value(4096n)],
        ["split.no", uint16Value(0)],
        ["split.count", uint16Value(2)],
        ["split.tensors.count", int32Value(9)],
        ["tokenizer.ggml.tokens", textsValue(["a", "", "ü", "token"])],
        ["tokenizer.ggml.scores", arrayValue(6, 3, new Uint8Array(12))],
      ],
      tensors: [{ dimensions: [256, 2], type: 12 }, { dimensions: [32], type: 8, offset: 320 }, {
        dimensions: [4],
        offset: 384,
      }],
      ...{ alignment: 64, dataBytes: 400 },
    }),
    ggufBytes({ tensors: [{ dimensions: [3] }], dataBytes: 12 }),
  ],
  check: ({ tensors, weightBytes }: Awaited<ReturnType<typeof parseGguf>>, sizeBytes) => {
    let end = 0;
    for (const tensor of tensors) {
      if (tensor.start < end) throw new Error(`${tensor.name} lies in another tensor`);
      end = tensor.start + tensor.sizeBytes;
    }
    if (end > sizeBytes || weightBytes > sizeBytes) throw new Error("tensors go beyond the file");
  },
};

const safetensors: Subject = {
  name: "parseSafetensors",
  parse: parseSafetensors,
  fixtures: [
    tinySafetensors({
      tensors: {
        a: { dtype: "BF16", shape: [2, 3] },
        "b.weight": { shape: [5] },
        c: { dtype: "I8", shape: [] },
      },
    }),
    tinySafetensors({ metadata: { format: "pt", more: 'quote " and \\ and ü' } }),
    tinySafetensors({ tensors: {} }),
  ],
  check: ({ tensors, weightBytes }: Awaited<ReturnType<typeof parseSafetensors>>, sizeBytes) => {
    let end = sizeBytes - weightBytes;
    for (const tensor of tensors) {
      if (tensor.start !== end) throw new Error(`${tensor.name} does not begin where the one before ends`);
      end += tensor.sizeBytes;
    }
    if (end !== sizeBytes) throw new Error("tensors do not cover the file");
  },
};

const branch = onnxGraph({
  nodes: [],
  inputs: [],
  outputs: [onnxValue("y", sequenceType(tensorType("int64", [null, "n"])))],
});
const onnx: Subject = {
  name: "parseOnnx",
  parse: parseOnnx,
  fixtures: [
    linearOnnx(),
    linearOnnxWithWeightInputs(),
    externalOnnx().model,
    treeOnnx(),
    transformerOnnx({ vocabulary: 4, width: 4 }),
    onnxModel({
      nodes: [{ op: "If", inputs: ["c"], outputs: ["y"], attributes: { then_branch: { graph: branch } } }],
      inputs: [onnxValue("c", tensorType("bool", []))],
      outputs: [onnxValue("y", sequenceType(tensorType("int64")))],
    }),
  ],
  check: ({ inputs, outputs, external, weightBytes }: Awaited<ReturnType<typeof parseOnnx>>, sizeBytes) => {
    const names = [...inputs, ...outputs].map(({ name }) => name);
    if (names.some((name) => name === "" || name.length > 4096)) throw new Error("a name is none");
    if (external.some(({ endBytes }) => !Number.isSafeInteger(endBytes))) {
      throw new Error("an end is no place in a file");
    }
    if (!(weightBytes >= sizeBytes)) throw new Error("the weights are smaller than the file");
  },
};

const SUBJECTS = [gguf, safetensors, onnx];

/** True when it was accepted. @throws When it ended in any other way than a parser may end. */
async function tryOne({ parse, check }: Subject, bytes: Uint8Array): Promise<boolean> {
  const reader = readerOf(bytes);
  const start = performance.now();
  try {
    const header = await parse(reader);
    check(header as never, bytes.length);
    return true;
  } catch (error) {
    const isExpected = error instanceof LarderError && ["MODEL_BROKEN", "NOT_SUPPORTED"].includes(error.code);
    if (!isExpected) throw error;
    return false;
  } finally {
    checkCost(reader, performance.now() - start);
  }
}

function checkCost({ reads, sizeBytes }: CountingReader, ms: number): void {
  const bytes = reads.reduce((sum, one) => sum + one, 0);
  if (ms > MS_MAX) throw new Error(`${ms} ms for ${sizeBytes} bytes`);
  if (bytes > 4 * sizeBytes + 64) throw new Error(`${bytes} bytes read of ${sizeBytes}`);
}

test.each(SUBJECTS)(`F15: $name survives ${MUTATIONS} mutated inputs`, async (subject) => {
  console.log(`${subject.name}: LARDER_TEST_SEED=${SEED} LARDER_TEST_MUTATIONS=${MUTATIONS}`);
  const random = randomFrom(SEED);
  const donors = SUBJECTS.flatMap(({ fixtures }) => fixtures);
  const pick = (from: readonly Uint8Array[]) => from[random(from.length)] ?? new Uint8Array();
  let accepted = 0;
  for (let i = 0; i < MUTATIONS; i++) {
    const bytes = mutated(pick(subject.fixtures), random, pick(random(4) === 0 ? donors : subject.fixtures));
    try {
      if (await tryOne(subject, bytes)) accepted++;
    } catch (error) {
      const input = Buffer.from(bytes).toString("base64");
      throw new Error(`LARDER_TEST_SEED=${SEED}, input ${i} of ${subject.name}: ${input}`, { cause: error });
    }
  }
  // Were all of them refused, or none, then the mutations would not reach what they should.
  expect(accepted / MUTATIONS).toBeGreaterThan(0.01);
  expect(accepted / MUTATIONS).toBeLessThan(0.9);
}, 600_000);

test.each(SUBJECTS)("F08: $name refuses each of its fixtures cut at any byte", async (subject) => {
  for (const fixture of subject.fixtures) {
    expect(await tryOne(subject, fixture)).toBe(true);
    for (let length = 0; length < fixture.length; length++) {
      const isAccepted = await tryOne(subject, fixture.subarray(0, length));
      // A protocol buffer has no end of its own: it may be whole before its last field.
      if (isAccepted && subject !== onnx) {
        throw new Error(`${length} of ${fixture.length} bytes were accepted`);
      }
    }
  }
}, 60_000);

test("the same seed gives the same inputs, another one others", () => {
  const input = (seed: number) => mutated(linearOnnx(), randomFrom(seed), linearOnnx());
  expect(input(7)).toEqual(input(7));
  expect(input(7)).not.toEqual(input(9));
});
