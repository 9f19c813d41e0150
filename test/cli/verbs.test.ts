import { expect, test } from "bun:test";
import { LarderError } from "../../src/core/index.ts";
import type {
  ImportRequest,
  LarderApi,
  ListRequest,
  ModelSummary,
  ModelView,
  UpkeepRequest,
} from "../../src/library/index.ts";
import { larder } from "./harness.ts";
import { sequence, VERIFIED } from "./views.ts";

const DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

const IRIS: ModelView = {
  model: "iris",
  version: {
    version: "1.2.0",
    created_at: 1_700_000_000,
    size_bytes: 4,
    variants: [{ name: "default", status: "downloaded", files: ["iris.onnx"] }],
    files: [{
      path: "iris.onnx",
      sha256: DIGEST,
      size_bytes: 4,
      state: "intact",
      sources: ["https://a.example/x"],
    }],
    metrics: { f1: 0.97, log_loss: 0.08 },
  },
  versions: [
    { version: "1.2.0", created_at: 1_700_000_000, size_bytes: 4, files: 1, metrics: { f1: 0.97 } },
    { version: "1.1.0", created_at: 1_600_000_000, size_bytes: 4, files: 1, metrics: {} },
  ],
  aliases: { stable: "1.1.0" },
  best: { version: "1.2.0", metric: "f1" },
};

const LISTED: ModelSummary = {
  model: "a",
  version_count: 1,
  latest: "1",
  size_bytes: 1024,
  updated_at: 0,
  provider: "hub",
  status: "downloaded",
  capabilities: ["predict"],
  runtime: "onnx",
  architecture: null,
  parameters: null,
  context_length: null,
  quantization: null,
  variants: ["default"],
  access_count: 0,
  last_used_at: null,
  loaded: false,
  pinned: false,
};

test("list asks for what its options say, and refuses words that are none", async () => {
  const asked: ListRequest[] = [];
  const api: Partial<LarderApi> = {
    list: (request) => {
      asked.push(request);
      return Promise.resolve({ models: [{ ...LISTED, latest: null }], total: 1, next_cursor: null });
    },
  };
  const options = [
    "--provider",
    "hub",
    "--status",
    "failed",
    "--capability",
    "chat",
    "--sort=-size_bytes",
    "--quick",
  ];
  const { code } = await larder(["list", "phi", "--limit", "7", ...options], { api });
  expect([code, asked]).toEqual([0, [{
    ...{ q: "phi", limit: 7, provider: "hub", status: "failed", capability: "chat", sort: "-size_bytes" },
    quick: true,
  }]]);
  for (const option of ["--provider", "--status", "--capability", "--sort"]) {
    expect((await larder(["list", option, "x"], { api })).code).toBe(2);
  }
});

test("list goes through all pages and says how many there are", async () => {
  const summary = (model: string) => ({ ...LISTED, model });
  const api: Partial<LarderApi> = {
    list: ({ cursor }) =>
      Promise.resolve(
        cursor === undefined
          ? { models: [summary("a")], total: 2, next_cursor: "a" }
          : { models: [summary("b")], total: 2, next_cursor: null },
      ),
  };
  expect((await larder(["list", "--json"], { api })).documents).toEqual([
    { models: [summary("a"), summary("b")], total: 2 },
  ]);
  expect((await larder(["list"], { api })).stdout).toMatch(
    /^MODEL {2}LATEST {2}VERSIONS {5}SIZE {2}STATUS {6}UPDATED\na {6}1 {14}1 {2}1\.0 KiB {2}downloaded .*\nb /,
  );
});

test("show names version, aliases, files and where they came from", async () => {
  const { code, stdout } = await larder(["show", "iris"], { api: { describe: () => Promise.resolve(IRIS) } });
  expect(code).toBe(0);
  for (const part of ["1.2.0, 1.1.0", "stable → 1.1.0", "iris.onnx", DIGEST, "https://a.example/x"]) {
    expect(stdout).toContain(part);
  }
});

test("show names metrics, and what best stands for", async () => {
  const show = async (model: ModelView) =>
    (await larder(["show", "iris"], { api: { describe: () => Promise.resolve(model) } })).stdout;
  const measured = await show(IRIS);
  expect(measured).toMatch(/^metrics: +f1 0\.97, log_loss 0\.08$/m);
  expect(measured).toMatch(/^best: +1\.2\.0 \(by f1\)$/m);
  const plain = await show({ ...IRIS, version: { ...IRIS.version, metrics: {} }, best: null });
  expect(plain).toMatch(/^metrics: +none$/m);
  expect(plain).not.toContain("best:");
});

test("an unknown model exits with 1 and a hint", async () => {
  const api = { describe: () => Promise.reject(new LarderError("MODEL_NOT_FOUND", "Cannot find iris")) };
  const { code, stderr } = await larder(["show", "iris"], { api });
  expect([code, stderr]).toEqual([
    1,
    "larder: Cannot find iris\nlarder: Run `larder list` to see what is here.\n",
  ]);
});

function pathOf(names: readonly string[]) {
  const files = names.map((path) => ({ path, local_path: `/home/v/${path}`, size_bytes: 1 }));
  return { path: () => Promise.resolve({ model: "iris", version: "1", folder: "/home/v", files }) };
}

test.each<[string[], string[], string]>([
  [[], ["a", "b"], "/home/v\n"],
  [["--file"], ["a"], "/home/v/a\n"],
  [["--file", "b"], ["a", "b"], "/home/v/b\n"],
])("path %j prints nothing but the path", async (options, files, printed) => {
  const { code, stdout, stderr } = await larder(["path", "iris", ...options], { api: pathOf(files) });
  expect([code, stdout, stderr]).toEqual([0, printed, ""]);
});

test.each<[string[], number]>([[["--file"], 2], [["--file", "c"], 1]])(
  "path %j that fits no file prints no path and exits with %d",
  async (options, exit) => {
    const { code, stdout } = await larder(["path", "iris", ...options], { api: pathOf(["a", "b"]) });
    expect([code, stdout]).toEqual([exit, ""]);
  },
);

test("path --layout hf prints the variable that tells the hub's own tools", async () => {
  const asked: unknown[] = [];
  const view = { model: "iris", version: "1", folder: "/home/c/snap", cache_folder: "/home/c", files: [] };
  const api: Partial<LarderApi> = {
    path: (reference, options) => (asked.push([reference, options]), Promise.resolve(view)),
  };
  const { code, stdout, stderr } = await larder(["path", "iris", "--layout", "hf"], { api });
  expect([code, stdout, stderr]).toEqual([0, "HF_HUB_CACHE=/home/c\n", ""]);
  expect((await larder(["path", "iris", "--layout", "hf", "--json"], { api })).documents).toEqual([view]);
  await larder(["path", "iris"], { api });
  expect(asked).toEqual([["iris", { layout: "hf" }], ["iris", { layout: "hf" }], ["iris", {}]]);
});

function removing(removed: string[]): Partial<LarderApi> {
  return {
    describe: () => Promise.resolve(IRIS),
    remove: (reference) => {
      removed.push(reference);
      return Promise.resolve({ model: "iris", versions: ["1.2.0"], bytes_freed: 4 });
    },
  };
}

test.each<[string, string[], string[], number]>([
  ["a whole model of several versions is not removed unasked", ["iris"], [], 2],
  ["--yes removes it", ["iris", "--yes"], ["iris"], 0],
  ["nor is a variant of several versions", ["iris:q4"], [], 2],
  ["a variant of one version is", ["iris@1:q4"], ["iris@1:q4"], 0],
  ["one version goes without a question", ["iris@1.2.0"], ["iris@1.2.0"], 0],
])("%s", async (_, args, expected, exit) => {
  const removed: string[] = [];
  const { code } = await larder(["remove", ...args], { api: removing(removed) });
  expect([code, removed]).toEqual([exit, expected]);
});

test("what was removed is told, down to the variant", async () => {
  const view = { model: "iris", variant: "q4", versions: ["2", "1"], bytes_freed: 2048 };
  const { stdout } = await larder(["remove", "iris:q4", "--yes"], { api: { remove: async () => view } });
  expect(stdout).toBe("Removed iris:q4: 2 versions, 2.0 KiB\n");
});

test("alias set, list and remove", async () => {
  const calls: unknown[] = [];
  const api: Partial<LarderApi> = {
    setAlias: (
      model,
      alias,
      version,
    ) => (calls.push([model, alias, version]), Promise.resolve({ model, alias, version })),
    removeAlias: (model, alias) => Promise.resolve(void calls.push([model, alias])),
    describe: () => Promise.resolve(IRIS),
  };
  expect((await larder(["alias", "set", "acme/iris", "prod", "1.2.0"], { api })).stdout).toBe(
    "acme/iris@prod → 1.2.0\n",
  );
  expect((await larder(["alias", "remove", "acme/iris", "prod"], { api })).code).toBe(0);
  expect((await larder(["alias", "list", "iris"], { api })).stdout).toBe("ALIAS   VERSION\nstable  1.1.0\n");
  expect(calls).toEqual([["acme/iris", "prod", "1.2.0"], ["acme/iris", "prod"]]);
  expect((await larder(["alias", "set", "../x", "prod", "1"], { api })).code).toBe(2);
});

test.each<[string[], object, string | null, string]>([
  [["log_loss"], { metric: "log_loss" }, "1.2.0", "iris@best → 1.2.0 (by log_loss)\n"],
  [
    ["ms", "--better", "lower"],
    { metric: "ms", better: "lower" },
    null,
    "iris@best → nothing: no version has ms\n",
  ],
])("alias best iris %j", async (args, wanted, version, printed) => {
  const asked: unknown[] = [];
  const best = { model: "iris", alias: "best" as const, version, metric: null };
  const api: Partial<LarderApi> = { setBestMetric: (...call) => (asked.push(call), Promise.resolve(best)) };
  const { code, stdout } = await larder(["alias", "best", "iris", ...args], { api });
  expect([code, stdout, asked]).toEqual([0, printed, [["iris", wanted]]]);
});

test("import gives an absolute path and what the reference says", async () => {
  const asked: ImportRequest[] = [];
  const files = [{ path: "x.bin", sha256: DIGEST, size_bytes: 4, mode: "reflink" }];
  const done = {
    ...VERIFIED,
    kind: "import" as const,
    result: { model: "iris", version: "1", variant: "q4", files },
  };
  const { code, stdout } = await larder(["import", "x.bin", "iris@1:q4", "--mode", "copy", "--alias", "a"], {
    cwd: "/data",
    api: {
      importPath: (request) => (asked.push(request), Promise.resolve(done)),
      watchJob: () => sequence(done),
    },
  });
  expect([code, stdout]).toEqual([0, "iris@1  1 file, 4 B (reflink)\n"]);
  expect(asked).toEqual([
    { path: "/data/x.bin", model: "iris", version: "1", variant: "q4", mode: "copy", aliases: ["a"] },
  ]);
});

test("import gives metrics as numbers, and refuses what is none before it asks", async () => {
  const asked: ImportRequest[] = [];
  const result = { model: "iris", version: "1", variant: "default", files: [] };
  const done = { ...VERIFIED, kind: "import" as const, result };
  const api: Partial<LarderApi> = {
    importPath: (request) => (asked.push(request), Promise.resolve(done)),
    watchJob: () => sequence(done),
  };
  const importing = (...metrics: string[]) =>
    larder(["import", "/x", "iris@1", ...metrics.flatMap((metric) => ["--metric", metric])], { api });
  expect((await importing("f1=0.97", "log_loss=8e-2", "bias=-1")).code).toBe(0);
  expect(asked.map(({ metrics }) => metrics)).toEqual([{ f1: 0.97, log_loss: 0.08, bias: -1 }]);
  for (const wrong of ["f1", "f1=", "=1", "f1=good", "f1=NaN", "f1=1=2", "f1=Infinity"]) {
    expect([wrong, (await importing(wrong)).code]).toEqual([wrong, 2]);
  }
  expect(asked).toHaveLength(1);
});

const DAMAGED = {
  ...VERIFIED,
  result: {
    blobs: 2,
    bytes: 20,
    intact: 1,
    damaged: [{
      sha256: DIGEST,
      size_bytes: 10,
      state: "damaged" as const,
      bad_chunks: [1, 3],
      chunk_count: 4,
      used_by: ["iris@1/x.bin"],
    }],
  },
};

test("D15: verify that finds damage names blob, chunks and user, and exits with 76", async () => {
  const asked: UpkeepRequest[] = [];
  const api: Partial<LarderApi> = {
    verify: (request) => (asked.push(request), Promise.resolve(DAMAGED)),
    watchJob: () => sequence(DAMAGED),
  };
  const { code, stdout } = await larder(["verify", "iris"], { api });
  expect(code).toBe(76);
  expect(stdout).toContain(`${DIGEST}  damaged, chunks 1, 3 of 4\n  used by iris@1/x.bin\n`);
  expect((await larder(["verify", "--json"], { api })).documents).toEqual([DAMAGED] as never);
  expect(asked).toEqual([{ targets: ["iris"] }, {}]);
});

test("verify without damage exits with 0", async () => {
  const api: Partial<LarderApi> = {
    verify: () => Promise.resolve(VERIFIED),
    watchJob: () => sequence(VERIFIED),
  };
  const { code, stdout } = await larder(["verify"], { api });
  expect([code, stdout]).toEqual([0, "1 blob, 10 B: all intact\n"]);
});

test("repair exits with the code of what could not be repaired", async () => {
  const error = { code: "UPSTREAM_NOT_FOUND", message: "Cannot fetch", retryable: false } as const;
  const done = {
    ...VERIFIED,
    kind: "repair" as const,
    result: {
      repaired: [{ sha256: DIGEST, bytes_fetched: 5, chunks_fetched: 1 }],
      failed: [{ sha256: "ff", error }],
    },
  };
  const api: Partial<LarderApi> = { repair: () => Promise.resolve(done), watchJob: () => sequence(done) };
  const { code, stdout, stderr } = await larder(["repair"], { api });
  expect([code, stdout]).toEqual([69, `${DIGEST}  repaired, 1 chunk, 5 B fetched\n`]);
  expect(stderr).toContain("ff: Cannot fetch");
});

test("gc passes dry run and grace on", async () => {
  const asked: UpkeepRequest[] = [];
  const done = {
    ...VERIFIED,
    kind: "gc" as const,
    result: {
      ...{ blobs: 1, parts: 0, bytes_freed: 1024, dry_run: true, digests: [DIGEST] },
      evicted: [{ model: "acme/tiny", version: "1", variant: "q4", bytes: 2048, reason: "never used" }],
    },
  };
  const { stdout } = await larder(["gc", "--dry-run", "--grace", "2h"], {
    api: { gc: (request) => (asked.push(request), Promise.resolve(done)), watchJob: () => sequence(done) },
  });
  expect(asked).toEqual([{ dry_run: true, grace_s: 7200 }]);
  expect(stdout).toBe(
    `${DIGEST}\nacme/tiny@1:q4: 2.0 KiB, never used\nWould delete 1 blob and 0 partial downloads, 1.0 KiB\n` +
      "Would take 1 variant off the disk to keep its budget, 2.0 KiB\n",
  );
});

test("a token's secret is all of stdout, so that a script can take it", async () => {
  const asked: unknown[] = [];
  const api: Partial<LarderApi> = {
    createToken: (request) => {
      asked.push(request);
      return Promise.resolve({
        id: "t1",
        name: "x",
        scopes: request.scopes,
        created_at: 0,
        expires_at: null,
        token: "s3cret",
      });
    },
  };
  const argv = ["token", "create", "--name", "x", "--scope", "read", "--scope", "pull", "--expires", "30d"];
  const { code, stdout, stderr } = await larder(argv, { api });
  expect([code, stdout]).toEqual([0, "s3cret\n"]);
  expect(stderr).not.toContain("s3cret");
  expect(asked).toEqual([{ name: "x", scopes: ["read", "pull"], expires_in_s: 2_592_000 }]);
});

test("pulls limit shows limits and changes only what is given", async () => {
  const changes: unknown[] = [];
  const limits = { rate_bytes_per_s: 0, pulls_at_once: 3, connections_per_pull: 4 };
  const api: Partial<LarderApi> = {
    getLimits: () => Promise.resolve(limits),
    setLimits: (change) => (changes.push(change), Promise.resolve({ ...limits, ...change })),
  };
  expect((await larder(["pulls", "limit"], { api })).stdout).toContain("no limit");
  expect((await larder(["pulls", "limit", "--rate", "1MiB"], { api })).stdout).toContain("1.0 MiB/s");
  expect(changes).toEqual([{ rate_bytes_per_s: 1_048_576 }]);
});

test("pulls alone lists them", async () => {
  const { code, documents } = await larder(["pulls", "--json"], {
    api: { listPulls: () => Promise.resolve([]) },
  });
  expect([code, documents]).toEqual([0, [{ pulls: [] }]]);
});
