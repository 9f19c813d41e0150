import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { LarderError } from "../../src/core/index.ts";
import { type HubClient, readFacts, type RepoListing } from "../../src/hub/index.ts";
import { type Hub, type HubContent, startHub } from "../helpers/hub.ts";
import { ggufBytes, ggufValues, type GgufWish } from "./header-bytes.ts";
import { clientOf, factsAt, UNKNOWN } from "./setup.ts";

const MIB = 2 ** 20;
const { array, floats, text, texts, uint32, uint64 } = ggufValues();
const LLAMA: GgufWish = {
  values: [
    ["general.architecture", text("llama")],
    ["llama.context_length", uint32(8192)],
    ["tokenizer.ggml.tokens", texts(["a", "b", "ü"])],
    ["tokenizer.ggml.scores", floats(3)],
  ],
  tensors: [[4096, 32], [4096], [2, 3, 4]],
};
const LLAMA_PARAMETERS = 4096 * 32 + 4096 + 24;

let hub: Hub;
beforeAll(async () => {
  hub = await startHub();
});
beforeEach(() => hub.reset());
afterAll(() => hub[Symbol.asyncDispose]());

const factsOf = (files: Readonly<Record<string, HubContent>>) => factsAt(hub, files);

/** A header with as many bytes behind it as weights of one bit would need. */
function model(wish: GgufWish, sizeBytes = 40_000): Uint8Array {
  const header = ggufBytes(wish);
  return Buffer.concat([header, new Uint8Array(Math.max(0, sizeBytes - header.length))]);
}

test("a GGUF file tells its architecture, its context, and the sum of its shapes", async () => {
  expect(await factsOf({ "m-Q4_K_M.gguf": model(LLAMA) })).toEqual({
    architecture: "llama",
    contextLength: 8192,
    parameters: LLAMA_PARAMETERS,
  });
});

test("the number of parameters that a GGUF file states goes before the sum", async () => {
  const values = [...LLAMA.values ?? [], ["general.parameter_count", uint64(123_456n)] as const];
  expect((await factsOf({ "m-Q4_0.gguf": model({ ...LLAMA, values }) })).parameters).toBe(123_456);
});

test("GGUF in the other order of bytes, and in version 2", async () => {
  const big = ggufValues(true);
  const values = [["general.architecture", big.text("llama")], [
    "llama.context_length",
    big.uint32(77),
  ]] as const;
  const file = model({ values, tensors: [[10]], isBigEndian: true });
  expect(await factsOf({ "m.gguf": file })).toEqual({
    architecture: "llama",
    contextLength: 77,
    parameters: 10,
  });
  expect((await factsOf({ "m.gguf": model({ ...LLAMA, version: 2 }) })).parameters).toBe(LLAMA_PARAMETERS);
});

test("of a large GGUF file only the beginning is fetched, in growing steps that do not overlap", async () => {
  const words = texts(Array.from({ length: 150_000 }, (_, i) => `token number ${i}`));
  const values = [...LLAMA.values ?? [], ["tokenizer.ggml.merges", words] as const];
  expect(words.length).toBeGreaterThan(3 * MIB);
  const facts = await factsOf({ "m-Q8_0.gguf": model({ ...LLAMA, values }, 20 * MIB) });
  expect(facts.parameters).toBe(LLAMA_PARAMETERS);
  expect(hub.bytesSent("m-Q8_0.gguf")).toBe(4 * MIB);
  expect(hub.fileRequests("m-Q8_0.gguf").map(({ headers }) => headers.get("range"))).toEqual([
    `bytes=0-${MIB - 1}`,
    `bytes=${MIB}-${4 * MIB - 1}`,
  ]);
});

test("the parts of a split are counted together", async () => {
  const tensors = [[100], [200], [300]];
  const files = Object.fromEntries(tensors.map((shape, i) => [
    `m-Q4_0-0000${i + 1}-of-00003.gguf`,
    model(i === 0 ? { ...LLAMA, tensors: [shape] } : { tensors: [shape] }),
  ]));
  expect(await factsOf(files)).toEqual({ architecture: "llama", contextLength: 8192, parameters: 600 });
});

const HUGE = 2n ** 63n;
test.each<[string, GgufWish]>([
  ["another magic", { ...LLAMA, magic: "GGML" }],
  ["a version to come", { ...LLAMA, version: 4 }],
  ["version 0", { ...LLAMA, version: 0 }],
  ["more values than a file can hold", { ...LLAMA, valueCount: HUGE }],
  ["more tensors than a file can hold", { ...LLAMA, tensorCount: 2n ** 52n }],
  ["an array longer than the file", { values: [["a", array(4, 2n ** 50n)]] }],
  ["an array of texts without end", { values: [["a", array(8, HUGE)]] }],
  ["a text longer than the file", {
    values: [["a", Buffer.concat([text("").subarray(0, 4), Buffer.alloc(8, 0x7f)])]],
  }],
  ["arrays in arrays in arrays", { values: [["a", nested(40)]] }],
  ["a type that is none", { values: [["a", array(99, 1n, new Uint8Array(8))]] }],
  ["an architecture of a MiB", { values: [["general.architecture", text("x".repeat(MIB))]] }],
  ["a key of 100 KB", { values: [["k".repeat(100_000), uint32(1)]] }],
  ["a tensor of 1,000 dimensions", { tensors: [Array(1000).fill(1)] }],
])("hostile GGUF, %s: nothing is known", async (_, wish) => {
  expect(await factsOf({ "m-Q4_0.gguf": model(wish) })).toEqual(UNKNOWN);
});

function nested(depth: number): Uint8Array {
  return Array.from({ length: depth }).reduce<Uint8Array>(
    (inner) => array(9, 1n, inner.subarray(4)),
    array(4, 0n),
  );
}

test.each<[string, GgufWish["tensors"], bigint]>([
  ["shapes that no file of this size can hold", [[2 ** 40, 2 ** 40]], 0n],
  ["a stated number that no file of this size can hold", [], 2n ** 52n],
])("hostile GGUF, %s: parameters are unknown, the rest is not", async (_, tensors, stated) => {
  const values = [
    ...LLAMA.values ?? [],
    ...stated === 0n ? [] : [["general.parameter_count", uint64(stated)] as const],
  ];
  expect(await factsOf({ "m-Q4_0.gguf": model({ ...LLAMA, values, tensors: tensors ?? [] }) })).toMatchObject(
    {
      architecture: "llama",
      contextLength: 8192,
    },
  );
  expect((await factsOf({ "m-Q4_0.gguf": model({ values, tensors: tensors ?? [] }) })).parameters ?? 0).toBe(
    0,
  );
});

test("an architecture that could harm a terminal is not shown", async () => {
  const values = [["general.architecture", text("\u001b[2Jx")]] as const;
  expect((await factsOf({ "m-Q4_0.gguf": model({ values }) })).architecture).toBeNull();
});

test("GGUF cut anywhere, and with a wrong byte anywhere, does not throw", async () => {
  const bytes = ggufBytes(LLAMA);
  for (let at = 0; at < bytes.length; at += 3) {
    const wrong = bytes.slice();
    wrong[at] = (wrong[at] ?? 0) ^ 0xff;
    for (const file of [bytes.slice(0, at), wrong]) {
      const facts = await readFacts(
        memoryClient({ "m.gguf": file }),
        listingOf({ "m.gguf": file }),
        ggufVariant("m.gguf"),
      );
      expect(Object.keys(facts).sort()).toEqual(["architecture", "contextLength", "parameters"]);
    }
  }
});

test("files that the hub withholds leave facts unknown, other failures are told", async () => {
  const repo = hub.repository({ id: "acme/gated-facts", gated: "auto" });
  repo.commit({ "m-Q4_0.gguf": model(LLAMA) });
  const client = clientOf([hub.endpoint]);
  const listing = await client.scan({ kind: "model", id: "acme/gated-facts" });
  expect(await readFacts(client, listing, ggufVariant("m-Q4_0.gguf"))).toEqual(UNKNOWN);
  const broken: Pick<HubClient, "read"> = {
    read: () => Promise.reject(new LarderError("UPSTREAM_TIMEOUT", "late")),
  };
  const error = await readFacts(broken, listing, ggufVariant("m-Q4_0.gguf")).catch((reason: unknown) =>
    reason
  );
  expect(error).toMatchObject({ code: "UPSTREAM_TIMEOUT" });
});

test("a list of words that never ends is followed for 64 MiB and no further", async () => {
  const reads: number[] = [];
  const client: Pick<HubClient, "read"> = {
    read(_at, _path, options) {
      const { start = 0, end = 0 } = options?.range ?? {};
      reads.push(end);
      const bytes = new Uint8Array(end - start);
      if (start === 0) {
        bytes.set(ggufBytes({ values: [...LLAMA.values ?? [], ["words", array(8, 2n ** 36n)]] }));
      }
      return Promise.resolve(bytes);
    },
  };
  const sizeBytes = 2 ** 40;
  const listing = { ...listingOf({}), files: [{ path: "m.gguf", sizeBytes, gitOid: "0" }] };
  const facts = await readFacts(client, listing, ggufVariant("m.gguf"));
  expect(facts).toEqual({ architecture: "llama", contextLength: 8192, parameters: null });
  expect(reads).toEqual([MIB, 4 * MIB, 16 * MIB, 64 * MIB]);
});

function ggufVariant(path: string) {
  return {
    name: "m",
    format: "gguf",
    quantization: null,
    files: [path],
    weightFiles: [path],
    sizeBytes: 1,
  } as const;
}

function listingOf(files: Readonly<Record<string, Uint8Array>>): RepoListing {
  return {
    repo: { kind: "model", id: "acme/m" },
    revision: "main",
    commit: "0".repeat(40),
    info: {
      ...{ pipelineTask: null, libraryName: null, tags: [], license: null, gated: "none", private: false },
      lastModified: null,
    },
    files: Object.entries(files).map(([path, bytes]) => ({ path, sizeBytes: bytes.length, gitOid: "0" })),
    facts: UNKNOWN,
    endpoint: "https://hub.example",
    isLarder: false,
  };
}

function memoryClient(files: Readonly<Record<string, Uint8Array>>): Pick<HubClient, "read"> {
  return {
    read: (_at, path, options) =>
      Promise.resolve((files[path] ?? new Uint8Array()).slice(options?.range?.start, options?.range?.end)),
  };
}
