import { expect, test } from "bun:test";
import {
  formatModelRef,
  isLarderError,
  parseAlias,
  parseFilePath,
  parseModelName,
  parseModelRef,
  parseVariant,
  parseVersion,
  parseVersionOrAlias,
} from "../../src/core/index.ts";

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return isLarderError(error) ? error.code : "NOT_A_LARDER_ERROR";
  }
  return undefined;
}

test("parseModelRef() reads model, version or alias, and variant", () => {
  expect(parseModelRef("iris")).toEqual({ model: "iris" });
  expect(parseModelRef("iris@1.2.0")).toEqual({ model: "iris", version: "1.2.0" });
  expect(parseModelRef("acme/tiny:Q4_K_M")).toEqual({ model: "acme/tiny", variant: "Q4_K_M" });
  expect(parseModelRef("onnx-community/Phi-3.5-mini-instruct-onnx-web@latest:q4f16")).toEqual({
    model: "onnx-community/Phi-3.5-mini-instruct-onnx-web",
    version: "latest",
    variant: "q4f16",
  });
});

test("formatModelRef() gives back what parseModelRef() read", () => {
  for (const text of ["iris", "iris@1.2.0", "acme/tiny:Q4_K_M", "a/b/c@main:fp32"]) {
    expect(formatModelRef(parseModelRef(text))).toBe(text);
  }
});

test("parseModelRef() refuses empty and doubled parts", () => {
  for (const text of ["", "@1", "iris@", "iris:", "iris@1@2", "iris:a:b", "iris:a@1", "iris @1", "iris\n"]) {
    expect([text, codeOf(() => parseModelRef(text))]).toEqual([text, "BAD_NAME"]);
  }
});

const HOSTILE_MODELS = {
  M01: ["../evil", "a/../b", "..", ".", "/etc/passwd", "a//b", "a/", "/a"],
  M02: ["..%2f..%2fetc%2fpasswd"],
  M03: ["%252e%252e%252f"],
  M04: ["..\\evil", "a\\b", "C:\\x"],
  M05: ["a\0b", "\0"],
  M06: ["a\ufffdb", "%c0%ae", "%ff", "%E0%A4%A"],
  M08: ["a\ud800b"],
  M09: ["a".repeat(97), "a/b/c/d", `${"a/".repeat(10_000)}b`],
  M11: ["a\u001b[31mb", "a\r\nb", "a\u202eb", "a\u200fb"],
};

for (const [id, names] of Object.entries(HOSTILE_MODELS)) {
  test(`${id}: a hostile model name is refused`, () => {
    for (const name of names) {
      expect([name.slice(0, 30), codeOf(() => parseModelName(name))]).toEqual([
        name.slice(0, 30),
        "BAD_NAME",
      ]);
    }
  });
}

test("M10: names that another system could take for a device or a stream are plain model names where the characters allow", () => {
  expect(parseModelName("CON")).toBe("CON");
  expect(parseModelName("NUL.txt")).toBe("NUL.txt");
  expect(codeOf(() => parseModelName("a:b"))).toBe("BAD_NAME");
  expect(codeOf(() => parseModelName("name."))).toBe("BAD_NAME");
});

test("M17: __proto__ and constructor are names like any other", () => {
  expect(parseModelRef("__proto__@constructor")).toEqual({ model: "__proto__", version: "constructor" });
});

test("M18: a name that is also a route is reserved", () => {
  for (
    const name of [
      "api",
      "API",
      "health",
      "healthz",
      "v2",
      "metrics",
      "library",
      "download",
      "acme/path",
      "acme/aliases",
      "acme/metadata",
    ]
  ) {
    expect([name, codeOf(() => parseModelName(name))]).toEqual([name, "BAD_NAME"]);
  }
  expect(parseModelName("path")).toBe("path");
});

test("a message about a hostile name holds no control character of it", () => {
  try {
    parseModelName("a\u001b[31m\r\nlevel=error\u202e");
  } catch (error) {
    // deno-lint-ignore no-control-regex
    expect(String(error)).not.toMatch(/[\u0000-\u001f\u202e]/);
  }
});

test("latest and best are computed: neither a version nor an alias may take their names", () => {
  expect(parseVersionOrAlias("latest")).toBe("latest");
  expect(codeOf(() => parseVersion("latest"))).toBe("BAD_NAME");
  expect(codeOf(() => parseAlias("best"))).toBe("BAD_ALIAS");
  expect(parseAlias("stable")).toBe("stable");
});

test("parseVersion() and parseVariant() take what the field uses and refuse paths", () => {
  expect(parseVersion("1.2.0-rc.1+build.5")).toBe("1.2.0-rc.1+build.5");
  expect(parseVersion("607a30d783dfa663caf39e06633721c8d4cfcd7e")).toHaveLength(40);
  for (const version of ["", "..", "1/2", "-1", ".1", "1..2", "1 2", "a".repeat(129)]) {
    expect([version, codeOf(() => parseVersion(version))]).toEqual([version, "BAD_NAME"]);
  }
  for (const variant of ["", "a/b", "..", "-q", "q 4", "a".repeat(65)]) {
    expect([variant, codeOf(() => parseVariant(variant))]).toEqual([variant, "BAD_NAME"]);
  }
});

test("parseFilePath() keeps ordinary paths as they are, whatever their script", () => {
  for (
    const path of [
      "model.onnx",
      "onnx/model_q4f16.onnx",
      "模型/重み.bin",
      "a b/c+d=e.txt",
      ".gitattributes",
      "a..b",
    ]
  ) {
    expect(parseFilePath(path)).toBe(path);
  }
});

test("M07: NFC and NFD are two paths", () => {
  expect(parseFilePath("caf\u00e9")).not.toBe(parseFilePath("cafe\u0301"));
});

test("M01/M02/M04/M05/M06/M08/M09/M11/M13: a hostile file path is refused", () => {
  const hostile = [
    ...["", "/", "/etc/passwd", "../evil", "a/../b", "a/./b", "a//b", "a/", ".", ".."],
    ...["..%2fevil", "%2e%2e/evil", "a%5cb", "a%00b", "..\\evil", "a\0b", "a\ufffdb", "a\ud800b"],
    ...[
      "a".repeat(256),
      "é".repeat(128),
      "a/".repeat(70) + "b",
      "x/".repeat(3000) + "x",
      "a\r\nb",
      "a\u202eb",
      "a\u0085b",
    ],
  ];
  for (const path of hostile) {
    expect([path.slice(0, 30), codeOf(() => parseFilePath(path))]).toEqual([path.slice(0, 30), "BAD_PATH"]);
  }
});
