import type { LoadableView, ModelMetadataView } from "../../library/index.ts";
import type { ModelMetadata } from "../../runtimes/types.ts";
import { DATATYPE_OF } from "./datatypes.ts";

/** The first is the protocol's own name; the others follow its form, project and format. */
const PLATFORM_OF: Readonly<Record<ModelMetadata["runtime"], string>> = {
  onnx: "onnx_onnxv1",
  gguf: "ggml_gguf",
  mapped: "larder_mapped",
};

const VARIES = -1;

export function serverMetadata(version: string) {
  return { name: "larder", version, extensions: ["binary_tensor_data", "model_repository"] };
}

export function modelMetadata({ model, versions, runtime, inputs, outputs }: ModelMetadataView) {
  return {
    name: model,
    versions,
    platform: PLATFORM_OF[runtime],
    inputs: inputs.map(tensorMetadata),
    outputs: outputs.map(tensorMetadata),
  };
}

/** What is no tensor is answered as a table of numbers, see infer-answer.ts. */
function tensorMetadata(spec: ModelMetadata["outputs"][number]) {
  if (!("dtype" in spec)) return { name: spec.name, datatype: "FP32", shape: [VARIES, VARIES] };
  const shape = spec.shape.map((size) => typeof size === "number" ? size : VARIES);
  return { name: spec.name, datatype: DATATYPE_OF[spec.dtype], shape };
}

const STATE_OF: Readonly<Record<LoadableView["state"], string>> = {
  ready: "READY",
  loading: "LOADING",
  unloaded: "UNAVAILABLE",
  failed: "UNAVAILABLE",
};

/** @see Triton's docs/protocol/extension_model_repository.md, "Index" */
export function repositoryIndex(versions: readonly LoadableView[], onlyReady: boolean) {
  return versions.filter(({ state }) => !onlyReady || state === "ready").map((
    { model, version, state, reason },
  ) => ({
    name: model,
    version,
    state: STATE_OF[state],
    reason: reason ?? (state === "unloaded" ? "unloaded" : ""),
  }));
}
