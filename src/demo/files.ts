import about100 from "./iris/1.0.0/metadata.json" with { type: "json" };
import model100 from "./iris/1.0.0/model.onnx" with { type: "file" };
import about110 from "./iris/1.1.0/metadata.json" with { type: "json" };
import model110 from "./iris/1.1.0/model.onnx" with { type: "file" };
import type { VersionMetrics } from "../core/index.ts";

/** A version that the executable carries. */
export interface DemoVersion {
  readonly version: string;
  /** Where the model can be read, which may be inside of the executable. */
  readonly modelPath: string;
  /** Goes with the model, as JSON. */
  readonly metadata: { readonly metrics: VersionMetrics };
}

/** Written by scripts/demo/train.ts. */
export const DEMO_VERSIONS: readonly DemoVersion[] = [
  { version: about100.version, modelPath: model100, metadata: about100 },
  { version: about110.version, modelPath: model110, metadata: about110 },
];
