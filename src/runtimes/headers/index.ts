export { type ByteReader, withReader } from "./byte-reader.ts";
export { checkFolder } from "./folder.ts";
export { type GgufHeader, type GgufTensor, parseGguf } from "./gguf.ts";
export { inspectFiles, type Inspection, inspectModel } from "./inspect.ts";
export { type OnnxHeader, parseOnnx } from "./onnx.ts";
export { checkExternalData } from "./onnx-external.ts";
export { isModelFile } from "./model-file.ts";
export { parseSafetensors, type SafeTensor, type SafetensorsHeader } from "./safetensors.ts";
