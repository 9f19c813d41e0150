export { UseRecorder } from "./use-recorder.ts";
export { type UsedVariant, usedVariant } from "./used-variant.ts";
