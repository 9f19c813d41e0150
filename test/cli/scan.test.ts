import { expect, test } from "bun:test";
import { type ErrorCode, LarderError } from "../../src/core/index.ts";
import type { LarderApi, ManifestView, ScanRequest } from "../../src/library/index.ts";
import { formatTime } from "../../src/cli/format.ts";
import { larder } from "./harness.ts";
import { COMMIT, MANIFEST } from "./views.ts";

function scanning(asked: ScanRequest[] = [], manifest: ManifestView = MANIFEST): Partial<LarderApi> {
  return { scan: (request) => (asked.push(request), Promise.resolve(manifest)) };
}

test("scan shows what is known and every variant with size, files, status and what fits", async () => {
  const { code, stdout, stderr } = await larder(["scan", "acme/tiny"], { api: scanning() });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n")).toEqual([
    "model:           acme/tiny",
    "revision:        main",
    `commit:          ${COMMIT}`,
    `changed:         ${formatTime(1_700_000_000)}`,
    "task:            text-generation",
    "library:         gguf",
    "license:         apache-2.0",
    "architecture:    llama",
    "parameters:      3.8 billion",
    "context:         131072 tokens",
    "gated:           yes, its owner decides",
    "all files:       1, 5.0 GiB",
    "beside variants: mmproj-f16.gguf",
    "",
    "VARIANT  FORMAT     SIZE  FILES  STATUS             DISK       MEMORY",
    "Q2_K     gguf    1.0 GiB      2  available          fits       fits",
    "Q4_K_M   gguf    4.0 GiB      2  available          fits       too large  default",
    "Q3_K_S   gguf    1.0 GiB      2  downloading 75%    too large  fits",
    "Q8_0     gguf    1.0 GiB      2  failed (NO_SPACE)  fits       fits",
    "",
    "`larder pull acme/tiny` takes Q4_K_M; `larder pull acme/tiny:Q2_K` another one.",
    "",
  ]);
});

test("what is not known has no line, and nothing is dressed up", async () => {
  const bare: ManifestView = {
    ...MANIFEST,
    kind: "dataset",
    model: "datasets/acme/texts",
    ...{ pipeline_task: null, library_name: null, license: null, architecture: null, parameters: null },
    ...{ context_length: null, last_modified: null, sidecars: [], gated: "none", private: true },
    variants: MANIFEST.variants.slice(1, 2),
  };
  const { stdout } = await larder(["scan", "datasets/acme/texts"], { api: scanning([], bare) });
  expect(stdout.split("\n").slice(0, 6)).toEqual([
    "dataset:   datasets/acme/texts",
    "revision:  main",
    `commit:    ${COMMIT}`,
    "gated:     no",
    "private:   yes",
    "all files: 1, 5.0 GiB",
  ]);
});

test("a name of a file cannot move the cursor", async () => {
  const [variant] = MANIFEST.variants;
  const hostile = {
    ...MANIFEST,
    license: "mit\u001b[2J",
    variants: variant ? [{ ...variant, name: "a\u202eb" }] : [],
  };
  const { stdout } = await larder(["scan", "acme/tiny"], { api: scanning([], hostile) });
  expect(stdout).not.toMatch(/[\u001b\u202e]/);
});

test("with --json it is the manifest", async () => {
  const { documents } = await larder(["scan", "acme/tiny", "--json"], { api: scanning() });
  expect(documents).toEqual([MANIFEST] as never);
});

test.each<[string[], ScanRequest]>([
  [["acme/tiny"], { model: "acme/tiny" }],
  [["acme/tiny@v2"], { model: "acme/tiny", revision: "v2" }],
  [["acme/tiny@latest"], { model: "acme/tiny" }],
  [["spaces/acme/demo", "--revision", "refs/pr/1"], { model: "spaces/acme/demo", revision: "refs/pr/1" }],
])("scan %j asks for %j", async (argv, request) => {
  const asked: ScanRequest[] = [];
  expect((await larder(["scan", ...argv], { api: scanning(asked) })).code).toBe(0);
  expect(asked).toEqual([request]);
});

test("offline, nobody is asked", async () => {
  for (const env of [{ HF_HUB_OFFLINE: "1" }, { LARDER_OFFLINE: "true" }]) {
    const { code, stderr } = await larder(["scan", "acme/tiny"], { env });
    expect([code, stderr]).toEqual([
      69,
      "larder: Cannot scan acme/tiny while offline\n" +
      "larder: Go online: without --offline, LARDER_OFFLINE and HF_HUB_OFFLINE.\n",
    ]);
  }
});

test("Ctrl-C does not wait for the hub", async () => {
  const stop = new AbortController();
  const api: Partial<LarderApi> = {
    scan: () => {
      queueMicrotask(() => stop.abort("SIGINT"));
      return new Promise(() => {});
    },
  };
  const { code, stderr } = await larder(["scan", "acme/tiny"], { api, signal: stop.signal });
  expect([code, stderr]).toEqual([130, "larder: Cannot scan acme/tiny: interrupted\n"]);
});

test.each<[ErrorCode, number, string]>([
  ["HUB_GATED", 77, "larder token hub --set"],
  ["HUB_TOKEN_INVALID", 77, "larder token hub"],
  ["REPO_DISABLED", 77, "another repository"],
  ["REPO_NOT_FOUND", 1, "private repository needs a token"],
  ["REVISION_NOT_FOUND", 1, "a branch, a tag or a commit"],
  ["HUB_FILE_NOT_FOUND", 1, "larder scan"],
  ["VARIANT_NOT_FOUND", 1, "larder scan"],
  ["HUB_ANSWER", 69, "hub_endpoint"],
  ["OFFLINE", 69, "Go online"],
  ["DOES_NOT_FIT_MEMORY", 73, "--fallback smaller"],
])("%s exits with %d and says what to do", async (code, exit, advice) => {
  const api: Partial<LarderApi> = {
    scan: () => Promise.reject(new LarderError(code, "Cannot scan acme/tiny")),
  };
  const result = await larder(["scan", "acme/tiny"], { api });
  expect([result.code, result.stdout]).toEqual([exit, ""]);
  const [what, hint] = result.stderr.split("\n");
  expect(what).toBe("larder: Cannot scan acme/tiny");
  expect(hint).toContain(advice);
  const { documents } = await larder(["scan", "acme/tiny", "--json"], { api });
  expect(documents.at(-1)).toMatchObject({ error: { code } });
});
