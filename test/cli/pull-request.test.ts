import { describe, expect, test } from "bun:test";
import { buildPullRequest, modelNameOf, type PullOptions } from "../../src/cli/pull-request.ts";

const ADDRESS = "https://models.example/files/tiny%20one.gguf?download=true";
const DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

function build(args: readonly string[], options: Partial<PullOptions> = {}, input = "") {
  return buildPullRequest(args, { decompress: true, ...options }, () => Promise.resolve(input));
}

describe("one file", () => {
  test("a reference and an address", async () => {
    expect(await build(["acme/tiny@1.0.0:Q4", ADDRESS], { sha256: DIGEST, size: "4KiB" })).toEqual({
      model: "acme/tiny",
      revision: "1.0.0",
      variant: "Q4",
      files: [{ path: "tiny one.gguf", urls: [ADDRESS], sha256: DIGEST, size: 4096 }],
    });
  });

  test("mirrors follow the address in their order, each once", async () => {
    const mirror = ["https://b.example/x", "https://a.example/x", "https://b.example/x"];
    const request = await build(["tiny", "https://a.example/x"], { mirror });
    expect(request.files?.[0]?.urls).toEqual(["https://a.example/x", "https://b.example/x"]);
  });

  test("an address alone gives the model its name", async () => {
    expect(await build([ADDRESS])).toMatchObject({
      model: "tiny-one.gguf",
      files: [{ path: "tiny one.gguf" }],
    });
  });

  test("--as, --file, --variant, --alias, --digest-of and --no-decompress are passed on", async () => {
    const request = await build([ADDRESS], {
      as: "iris@2",
      file: "sub/iris.onnx",
      variant: "fp32",
      alias: ["stable", "prod"],
      digestOf: "source",
      decompress: false,
    });
    expect(request).toEqual({
      model: "iris",
      revision: "2",
      variant: "fp32",
      files: [{ path: "sub/iris.onnx", urls: [ADDRESS], digest_of: "source", decompress: "none" }],
      aliases: ["stable", "prod"],
    });
  });

  test.each<[string, readonly string[], Partial<PullOptions>, string]>([
    ["two addresses", [ADDRESS, ADDRESS], {}, "USAGE"],
    ["a second word that is no address", ["tiny", "tiny.gguf"], {}, "USAGE"],
    ["--as beside a reference", ["tiny", ADDRESS], { as: "x" }, "USAGE"],
    ["a reference that climbs", ["../etc", ADDRESS], {}, "BAD_NAME"],
    ["another scheme", ["tiny", "file:///etc/passwd"], {}, "BAD_SOURCE"],
    ["a password in the address", ["tiny", "https://a:b@x.example/y"], {}, "BAD_SOURCE"],
    ["a file name that climbs", ["tiny", ADDRESS], { file: "../x" }, "BAD_PATH"],
    ["a size in words", ["tiny", ADDRESS], { size: "big" }, "USAGE"],
    ["--revision beside an address", ["tiny", ADDRESS], { revision: "main" }, "USAGE"],
    ["--files beside an address", ["tiny", ADDRESS], { files: ["*.json"] }, "USAGE"],
    ["--fallback beside an address", ["tiny", ADDRESS], { fallback: "smaller" }, "USAGE"],
    ["--offline beside an address", ["tiny", ADDRESS], { offline: true }, "USAGE"],
    ["--revision beside an address alone", [ADDRESS], { revision: "main" }, "USAGE"],
  ])("%s is refused", (_, args, options, code) => {
    expect(build(args, options)).rejects.toMatchObject({ code });
  });
});

describe("several files", () => {
  test("come from --input; urls may be one address", async () => {
    const input = JSON.stringify([
      { path: "a.bin", urls: ["https://a.example/a"], sha256: DIGEST, size: 3 },
      { path: "sub/b.bin", urls: "https://a.example/b" },
    ]);
    expect((await build(["tiny@1"], { input: "-" }, input)).files).toEqual([
      { path: "a.bin", urls: ["https://a.example/a"], sha256: DIGEST, size: 3 },
      { path: "sub/b.bin", urls: ["https://a.example/b"] },
    ]);
  });

  test.each<[string, string, Partial<PullOptions>, string, string]>([
    ["text that is no JSON", "[", {}, "BAD_BODY", "input"],
    ["no array", "{}", {}, "BAD_BODY", "input."],
    ["an empty array", "[]", {}, "BAD_BODY", "input."],
    ["an unknown key", '[{"path":"a","urls":["https://x"],"sha":"1"}]', {}, "BAD_BODY", "input.0"],
    ["a size below zero", '[{"path":"a","urls":["https://x"],"size":-1}]', {}, "BAD_BODY", "input.0.size"],
  ])("%s is refused, naming the place", (_, input, options, code, field) => {
    expect(build(["tiny"], { input: "f", ...options }, input)).rejects.toMatchObject({ code, field });
  });

  test("what belongs to one file is refused beside it", () => {
    expect(build(["tiny"], { input: "f", sha256: DIGEST }, "[]")).rejects.toMatchObject({ code: "USAGE" });
    expect(build(["tiny", ADDRESS], { input: "f" }, "[]")).rejects.toMatchObject({ code: "USAGE" });
    expect(build(["tiny"], { input: "f", fallback: "none" }, "[]")).rejects.toMatchObject({ code: "USAGE" });
  });
});

describe("without an address it is a repository of the hub", () => {
  test.each<[string, Partial<PullOptions>, object]>([
    ["acme/tiny", {}, { model: "acme/tiny" }],
    ["gpt2", {}, { model: "gpt2" }],
    ["acme/tiny@v2:Q4_K_M", {}, { model: "acme/tiny", revision: "v2", variant: "Q4_K_M" }],
    ["acme/tiny@latest", {}, { model: "acme/tiny" }],
    ["acme/tiny", { revision: "latest" }, { model: "acme/tiny", revision: "latest" }],
    ["datasets/acme/texts", { revision: "refs/pr/1" }, {
      model: "datasets/acme/texts",
      revision: "refs/pr/1",
    }],
    ["acme/tiny", { variant: "q4", alias: ["prod"] }, {
      model: "acme/tiny",
      variant: "q4",
      aliases: ["prod"],
    }],
    ["acme/tiny:q4", { variant: "q4" }, { model: "acme/tiny", variant: "q4" }],
    ["acme/tiny", { files: ["*.json", "onnx/**"] }, { model: "acme/tiny", patterns: ["*.json", "onnx/**"] }],
    ["acme/tiny", { fallback: "none", offline: true }, {
      model: "acme/tiny",
      fallback: "none",
      offline: true,
    }],
    ["acme/tiny:a", { fallback: "smaller" }, { model: "acme/tiny", variant: "a", fallback: "smaller" }],
    ["acme/tiny:a", { fallback: "b, c" }, { model: "acme/tiny", variant: "a", fallback: ["b", "c"] }],
  ])("%s with %j", async (reference, options, request) => {
    expect(await build([reference], options)).toEqual(request as never);
  });

  test.each<[string, string, Partial<PullOptions>, string]>([
    ["two revisions", "acme/tiny@v1", { revision: "v1" }, "USAGE"],
    ["two variants", "acme/tiny:a", { variant: "b" }, "USAGE"],
    ["a variant and files", "acme/tiny:a", { files: ["*.json"] }, "USAGE"],
    ["files and a fallback", "acme/tiny", { files: ["*.json"], fallback: "smaller" }, "USAGE"],
    ["a revision with a slash in the reference", "acme/tiny@refs/pr/1", {}, "USAGE"],
    ["an empty fallback", "acme/tiny", { fallback: "," }, "USAGE"],
    ["a fallback that is no variant", "acme/tiny", { fallback: "a,../b" }, "BAD_NAME"],
    ["a variant that is none", "acme/tiny", { variant: "../b" }, "BAD_NAME"],
    ["a reference that climbs", "../etc", {}, "BAD_NAME"],
    ["--sha256", "acme/tiny", { sha256: DIGEST }, "USAGE"],
    ["--size", "acme/tiny", { size: "1" }, "USAGE"],
    ["--file", "acme/tiny", { file: "x" }, "USAGE"],
    ["--digest-of", "acme/tiny", { digestOf: "file" }, "USAGE"],
    ["--as", "acme/tiny", { as: "x" }, "USAGE"],
    ["--no-decompress", "acme/tiny", { decompress: false }, "USAGE"],
  ])("%s is refused", async (_, reference, options, code) => {
    const error = await build([reference], options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, hint: expect.any(String) });
  });

  test("the error for a revision with a slash says how to give it", async () => {
    const error = await build(["acme/tiny@refs/pr/1:q4"]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: 'Cannot use "refs/pr/1" inside a reference: it has a slash',
      hint: "Give it beside the reference: --revision refs/pr/1",
    });
  });
});

test.each([
  ["model.onnx", "model.onnx"],
  ["..hidden", "hidden"],
  ["a b/c", "a-b-c"],
  ["trailing...", "trailing"],
  ["x".repeat(200), "x".repeat(96)],
])("the segment %j gives the name %j", (segment, name) => expect(modelNameOf(segment)).toBe(name));

test("a segment that leaves nothing asks for --as", () => {
  expect(() => modelNameOf("...")).toThrow(expect.objectContaining({ code: "USAGE", field: "as" }));
});
