import { expect, test } from "bun:test";
import type { HubCacheImportRequest, HubCacheImportView, LarderApi } from "../../src/library/index.ts";
import { larder } from "./harness.ts";
import { COMMIT, sequence, VERIFIED } from "./views.ts";

const NOTHING: HubCacheImportView = { imported: [], skipped: [] };
const TINY: HubCacheImportView["imported"][number] = {
  model: "acme/tiny",
  version: COMMIT,
  variants: ["Q4_K_M", "Q8_0"],
  files: 3,
  size_bytes: 3_221_225_472,
  modes: { hardlink: 2, present: 1, copy: 0 },
};

function importing(result: HubCacheImportView, asked: HubCacheImportRequest[] = []): Partial<LarderApi> {
  const done = { ...VERIFIED, kind: "import" as const, result };
  return {
    importHubCache: (request) => (asked.push(request), Promise.resolve(done)),
    watchJob: () => sequence(done),
  };
}

test.each<[string[], Record<string, string>, HubCacheImportRequest]>([
  [[], {}, { path: "/nonexistent/.cache/huggingface/hub", mode: "auto" }],
  [[], { HF_HOME: "/h" }, { path: "/h/hub", mode: "auto" }],
  [["caches/hub"], {}, { path: "/data/caches/hub", mode: "auto" }],
  [["/c", "--model", "acme/tiny", "--model", "datasets/acme/texts", "--mode", "hardlink"], {}, {
    path: "/c",
    mode: "hardlink",
    models: ["acme/tiny", "datasets/acme/texts"],
  }],
  [["--model", "acme/tiny"], { HF_HUB_CACHE: "/c" }, { path: "/c", mode: "auto", models: ["acme/tiny"] }],
])("import --hf-cache %j with %j asks for %j", async (argv, env, request) => {
  const asked: HubCacheImportRequest[] = [];
  const { code } = await larder(["import", "--hf-cache", ...argv], {
    api: importing(NOTHING, asked),
    cwd: "/data",
    env,
  });
  expect([code, asked]).toEqual([0, [request]]);
});

test("every version that came in is a line that says how", async () => {
  const { code, stdout, stderr } = await larder(["import", "--hf-cache", "/c"], {
    api: importing({
      imported: [TINY, { ...TINY, model: "acme/odd", variants: [], files: 1, modes: { copy: 1 } }],
      skipped: [],
    }),
  });
  expect([code, stdout]).toEqual([
    0,
    `acme/tiny@${COMMIT}  3 files, 3.0 GiB (2 hardlink, 1 present)  Q4_K_M, Q8_0\n` +
    `acme/odd@${COMMIT}  1 file, 3.0 GiB (1 copy)\n`,
  ]);
  expect(stderr).toContain("100%");
});

test("what is left out is told with its reason, and the exit code keeps a script from removing the cache", async () => {
  const error = { code: "DIGEST_MISMATCH", message: "Cannot take in ab12", retryable: false } as const;
  const skipped = [{ model: "acme/bad", path: "/c/models--acme--bad/blobs/ab12", error }];
  const { code, stdout, stderr } = await larder(["import", "--hf-cache", "/c"], {
    api: importing({ imported: [TINY], skipped }),
  });
  expect([code, stdout.startsWith("acme/tiny@")]).toEqual([76, true]);
  expect(stderr).toContain("larder: Left out acme/bad, /c/models--acme--bad/blobs/ab12: Cannot take in ab12");
});

test("an empty cache is no failure", async () => {
  const { code, stdout } = await larder(["import", "--hf-cache", "/c"], { api: importing(NOTHING) });
  expect([code, stdout]).toEqual([0, "Nothing to import in /c\n"]);
});
