import { LarderError } from "../../core/index.ts";
import type { Busy } from "../runner/busy.ts";
import type { Engine } from "../runner/engine.ts";
import type { ModelMetadata, StructuredValue, Tensor, TensorResult, TensorRun } from "../types.ts";
import type { OnnxSession } from "./binding.ts";
import { runError } from "./errors.ts";
import { fromNative, type NativeTensor, toNative } from "./tensors.ts";
import { rowsOf, type ZipMap } from "./zip-map.ts";

export interface OnnxEngineOptions {
  readonly session: OnnxSession;
  /** Outputs that this engine makes in place of the model. */
  readonly zipMaps: readonly ZipMap[];
  readonly metadata: ModelMetadata;
  readonly busy: Busy;
}

export class OnnxEngine implements Engine {
  readonly #session: OnnxSession;
  readonly #busy: Busy;
  readonly #zipMaps: ReadonlyMap<string, ZipMap>;
  readonly #outputs: readonly string[];
  readonly #tensors: ReadonlySet<string>;

  constructor({ session, zipMaps, metadata, busy }: OnnxEngineOptions) {
    this.#session = session;
    this.#busy = busy;
    this.#zipMaps = new Map(zipMaps.map((zipMap) => [zipMap.output, zipMap]));
    this.#outputs = metadata.outputs.map((output) => output.name);
    this.#tensors = new Set(session.outputMetadata.filter((info) => info.isTensor).map((info) => info.name));
  }

  /** Blocks this thread for as long as the inference takes. */
  run({ inputs, outputs = this.#outputs }: TensorRun): TensorResult {
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [name, toNative(name, tensor)]),
    );
    const fetches = Object.fromEntries(outputs.map((name) => [this.#sourceOf(name), null]));
    const results = this.#runNative(feeds, fetches);
    return { outputs: Object.fromEntries(outputs.map((name) => [name, this.#valueOf(name, results)])) };
  }

  dispose(): Promise<void> {
    this.#busy.run(() => this.#session.dispose());
    return Promise.resolve();
  }

  #runNative(
    feeds: Record<string, NativeTensor>,
    fetches: Record<string, null>,
  ): Record<string, NativeTensor> {
    try {
      return this.#busy.run(() => this.#session.run(feeds, fetches, {}));
    } catch (error) {
      throw runError(error);
    }
  }

  /** The tensor inside the model that an output is made of. */
  #sourceOf(output: string): string {
    const source = this.#zipMaps.get(output)?.scores ?? output;
    if (this.#tensors.has(source)) return source;
    throw new LarderError(
      "NOT_SUPPORTED",
      `Cannot give output ${output}: it is neither a tensor nor made by a ZipMap`,
      {
        field: "outputs",
        hint: "Name the outputs that are wanted.",
      },
    );
  }

  #valueOf(output: string, results: Record<string, NativeTensor>): Tensor | StructuredValue {
    const tensor = results[this.#sourceOf(output)];
    if (tensor === undefined) throw new Error(`The runtime gave no ${output}`);
    const zipMap = this.#zipMaps.get(output);
    return zipMap ? rowsOf(fromNative(output, tensor), zipMap.labels) : fromNative(output, tensor);
  }
}
