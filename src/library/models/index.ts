export { createServedModels, type ModelSettings } from "./create.ts";
export { jsonValues, tensorFrom } from "./json-tensors.ts";
