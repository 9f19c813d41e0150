import { expect, test } from "bun:test";
import type { TakenModel } from "../../../src/library/watched/taken.ts";
import { isMadeOf, outdated, takenModels } from "../../../src/library/watched/taken.ts";
import { placeUnits } from "../../../src/library/watched/placing.ts";
import { namedAfter } from "../../../src/library/watched/unit-names.ts";
import { cutUnits, ownNameOf } from "../../../src/library/watched/units.ts";
import type { FoundFile, Walk } from "../../../src/library/watched/walk.ts";

function found(path: string): FoundFile {
  return { path, localPath: `/w/${path}`, sizeBytes: 1, modifiedMs: 1 };
}

function walkOf(paths: readonly string[], unfinished: readonly string[] = []): Walk {
  return {
    files: paths.toSorted().map(found),
    unfinished: unfinished.toSorted().map(found),
    ...{ folders: new Map(), gaps: new Map(), startedMs: 0, identity: "1:1" },
  };
}

/** Names and files of all units, in one line each. */
function cut(paths: readonly string[], names: Parameters<typeof cutUnits>[1] = []): string[] {
  return cutUnits(walkOf(paths), names).map((unit) =>
    `${unit.named ?? ownNameOf(unit)}: ${
      unit.files.map(({ path }) => path.slice(unit.base.length)).join(" ")
    }`
  );
}

test.each<[string, string[], string[]]>([
  ["files at the top are models by themselves", ["b.onnx", "a.gguf"], ["a: a.gguf", "b: b.onnx"]],
  ["shards are one", ["m-00002-of-00002.gguf", "m-00001-of-00002.gguf", "m-00001-of-00003.gguf"], [
    "m: m-00001-of-00002.gguf m-00002-of-00002.gguf",
    "m: m-00001-of-00003.gguf",
  ]],
  ["external data goes with its graph", ["m.onnx", "m.onnx_data", "m.onnx_data_1", "n.onnx.data"], [
    "m: m.onnx m.onnx_data m.onnx_data_1",
    "n.onnx: n.onnx.data",
  ]],
  ["a folder with a model is one model", ["m/config.json", "m/onnx/model.onnx", "m/a/b/c.txt"], [
    "m: a/b/c.txt config.json onnx/model.onnx",
  ]],
  ["a folder of folders is the first part of a name", ["acme/one/x.gguf", "acme/two/y.gguf", "acme/NOTES"], [
    "acme/NOTES: NOTES",
    "acme/one: x.gguf",
    "acme/two: y.gguf",
  ]],
  ["names have three parts at most", ["a/b/c/d/e.gguf"], ["a/b/c: d/e.gguf"]],
])("%s", (_, paths, units) => {
  expect(cut(paths)).toEqual(units);
});

test("a list takes files and folders out of what they lie in", () => {
  const paths = [
    "m/config.json",
    "m/x.onnx",
    "m/x.onnx_data",
    "m/deep/y.gguf",
    "m/deep/z.gguf",
    "model_registry.json",
  ];
  const names = [{ model: "x", path: "m/x.onnx" }, { model: "all", path: "m" }, {
    model: "z",
    path: "m/deep/z.gguf",
  }];
  expect(cut(paths, [...names, { model: "no", path: "not/there" }])).toEqual([
    "all: config.json deep/y.gguf",
    "z: z.gguf",
    "x: x.onnx x.onnx_data",
  ]);
});

test.each([
  ["iris", "iris"],
  ["My Model (1)", "My-Model-1"],
  ["..hidden..", "hidden"],
  ["größe", "gro-e"],
  ["模型", "model"],
  ["api", "model-api"],
  ["acme/path", "model-acme/model-path"],
  ["x".repeat(300), "x".repeat(80)],
])("%s is called %s", (path, name) => {
  expect(namedAfter(path)).toBe(name);
});

test("an unfinished file belongs to the folder it lies in, or to the file whose name it begins with", () => {
  const walk = walkOf(["a.gguf", "m/x.gguf"], ["a.gguf.part", "b.gguf.part", "m/deep/y.tmp"]);
  expect(cutUnits(walk, []).map(({ unfinished }) => unfinished.map(({ path }) => path))).toEqual([
    ["a.gguf.part"],
    ["m/deep/y.tmp"],
  ]);
});

const ROW = { folder: "/w", model: "m", sizeBytes: 1, modifiedMs: 1 };

function takenOf(...versions: Array<readonly [version: string, ...paths: string[]]>): TakenModel {
  const rows = versions.flatMap(([version, ...paths], index) =>
    paths.map((path) => ({ ...ROW, version, path, takenAtS: index + 1 }))
  );
  const taken = takenModels(rows).get("m");
  if (taken === undefined) throw new Error("nothing was taken");
  return taken;
}

test("of three versions the oldest is outdated, and so is one that was made of a part of the newest", () => {
  const names = (taken: TakenModel) => outdated(taken).map(({ version }) => version);
  expect(names(takenOf(["1", "a"]))).toEqual([]);
  expect(names(takenOf(["1", "a"], ["2", "b"], ["3", "c"]))).toEqual(["1"]);
  expect(names(takenOf(["1", "a"], ["2", "a", "b"]))).toEqual(["1"]);
  expect(names(takenOf(["1", "a", "b"], ["2", "a"]))).toEqual([]);
});

test("a version is made of exactly the files that it was made of", () => {
  const [newest] = takenOf(["1", "a", "b"]).versions;
  const of = (...files: FoundFile[]) => isMadeOf(newest, { files });
  expect(of(found("a"), found("b"))).toBe(true);
  expect(of(found("a"))).toBe(false);
  expect(of(found("a"), found("b"), found("c"))).toBe(false);
  expect(of(found("a"), { ...found("b"), modifiedMs: 2 })).toBe(false);
  expect(of(found("a"), { ...found("b"), sizeBytes: 2 })).toBe(false);
});

test("a name stays with the files that had it, whatever else wants it now", () => {
  const units = cutUnits(walkOf(["m.gguf", "m.onnx", "other.gguf"]), []);
  const taken = new Map([["m", takenOf(["1", "m.onnx"])]]);
  const options = { taken, keepsNames: false, isForeign: () => false };
  const { placed } = placeUnits(units, { ...options, localPath: ({ path }) => `/w/${path}` });
  const byPath = Object.fromEntries(placed.map(({ unit, model }) => [unit.path, model]));
  expect(byPath).toEqual({
    "m.onnx": "m",
    "m.gguf": expect.stringMatching(/^m-[0-9a-f]{6}$/),
    "other.gguf": "other",
  });
});
