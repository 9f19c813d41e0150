import { floatTensor, onnxModel, onnxValue, tensorType } from "../../scripts/onnx/onnx-proto.ts";
import type { ModelFiles } from "./model-place.ts";

/** `x: float32 [batch, 1]` → `y: float32 [batch, 1]`, `y = x + step`: an answer shows which version gave it. */
export function stepModel(step: number): ModelFiles {
  return {
    "model.onnx": onnxModel({
      nodes: [{ op: "Add", inputs: ["x", "step"], outputs: ["y"] }],
      inputs: [onnxValue("x", tensorType("float32", ["batch", 1]))],
      outputs: [onnxValue("y", tensorType("float32", ["batch", 1]))],
      initializers: [floatTensor("step", [1], [step])],
    }),
  };
}
