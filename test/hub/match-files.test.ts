import { expect, test } from "bun:test";
import { matchFiles } from "../../src/hub/index.ts";
import { asFiles } from "./file-lists.ts";

const FILES = asFiles([
  "README.md",
  "config.json",
  "onnx/config.json",
  "onnx/model.onnx",
  "onnx/deep/x.json",
]);

test.each<[readonly string[], readonly string[]]>([
  [["*.json"], ["config.json", "onnx/config.json", "onnx/deep/x.json"]],
  [["config.json"], ["config.json"]],
  [["onnx/*.json"], ["onnx/config.json"]],
  [["onnx/**/*.json"], ["onnx/config.json", "onnx/deep/x.json"]],
  [["onnx/"], ["onnx/config.json", "onnx/model.onnx", "onnx/deep/x.json"]],
  [["**"], ["README.md", "config.json", "onnx/config.json", "onnx/model.onnx", "onnx/deep/x.json"]],
  [["*.md", "*.onnx"], ["README.md", "onnx/model.onnx"]],
  [["*.{md,onnx}"], ["README.md", "onnx/model.onnx"]],
  [["model.*", "model.onnx"], ["onnx/model.onnx"]],
  [["*.gguf"], []],
  [[], []],
])("%j selects %j", (globs, paths) => {
  expect(matchFiles(FILES, globs).map((file) => file.path)).toEqual([...paths]);
});

test.each([[Array(101).fill("*")], [["*".repeat(1025)]]])(
  "too many globs, or too long ones, are refused",
  (globs) => {
    expect(() => matchFiles(FILES, globs)).toThrow(expect.objectContaining({ code: "BAD_QUERY" }));
  },
);

test("a glob made to take long does not", () => {
  const files = asFiles([`${"a".repeat(250)}.x`, Array(60).fill("a").join("/")]);
  const from = performance.now();
  matchFiles(files, ["a*".repeat(500), "**/a*/".repeat(100) + "b", "{a,aa}*".repeat(50)]);
  expect(performance.now() - from).toBeLessThan(500);
});
