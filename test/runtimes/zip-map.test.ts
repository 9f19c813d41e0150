import { expect, test } from "bun:test";
import { rowsOf, withoutZipMaps } from "../../src/runtimes/onnx/zip-map.ts";
import { linearOnnx, treeOnnx } from "../helpers/onnx-files.ts";
import { mapType, onnxModel, onnxValue, sequenceType, tensorType } from "../../scripts/onnx/onnx-proto.ts";

test("withoutZipMaps() leaves a model without one alone", () => {
  expect(withoutZipMaps(linearOnnx())).toBeUndefined();
  expect(withoutZipMaps(treeOnnx({ zipMap: false }))).toBeUndefined();
});

test("withoutZipMaps() names output, tensor and labels, negative ones too", () => {
  expect(withoutZipMaps(treeOnnx({ labels: [-1, 0, 7] }))?.zipMaps)
    .toEqual([{ output: "probabilities", scores: "scores", labels: ["-1", "0", "7"] }]);
});

test("withoutZipMaps() names a tensor once that is an output already", () => {
  const both = onnxModel({
    nodes: [
      { op: "Identity", inputs: ["x"], outputs: ["scores"] },
      {
        op: "ZipMap",
        domain: "ai.onnx.ml",
        inputs: ["scores"],
        outputs: ["maps"],
        attributes: { classlabels_strings: { texts: ["a", "b"] } },
      },
    ],
    inputs: [onnxValue("x", tensorType("float32", ["n", 2]))],
    outputs: [
      onnxValue("scores", tensorType("float32", ["n", 2])),
      onnxValue("maps", sequenceType(mapType("string", tensorType("float32")))),
    ],
  });
  const edited = withoutZipMaps(both);
  expect(edited?.zipMaps).toEqual([{ output: "maps", scores: "scores", labels: ["a", "b"] }]);
  // Once from the node that makes it, once as output.
  expect(Buffer.from(edited?.bytes ?? []).toString("latin1").split("scores")).toHaveLength(3);
});

test("withoutZipMaps() refuses every beginning of a model that is no whole one, or leaves it alone", () => {
  const model = treeOnnx();
  for (let length = 0; length < model.length; length++) {
    try {
      const edited = withoutZipMaps(model.subarray(0, length));
      if (edited) expect(edited.zipMaps).toHaveLength(1);
    } catch (error) {
      expect(error).toMatchObject({ code: "MODEL_BROKEN" });
    }
  }
});

test("rowsOf() takes a vector for one row", () => {
  const data = Float32Array.of(0.25, 0.75);
  expect(rowsOf({ dtype: "float32", shape: [2], data }, ["a", "b"])).toEqual({
    rows: [{ a: 0.25, b: 0.75 }],
  });
  expect(rowsOf({ dtype: "float32", shape: [0, 2], data: new Float32Array() }, ["a", "b"])).toEqual({
    rows: [],
  });
});
