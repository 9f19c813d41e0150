import type {
  EmbedAnswer,
  GenerateAnswer,
  LoadableView,
  ModelMetadataView,
  Models,
  ServedBy,
} from "../../../src/library/index.ts";

export const BY: ServedBy = { model: "acme/tiny", version: "v1", variant: "Q4_K_M" };
export const TIMING = { load: 0, queue: 0, run: 1, total: 1 };

type Generate = Models["generate"];

/** What the dialect can be tried against without a model: it says what it is told to, and remembers what it was asked. */
export class StandInModels implements Models {
  readonly calls: Array<readonly [string, ...unknown[]]> = [];
  /** Thrown by every call of this name. */
  readonly failures = new Map<string, unknown>();
  by = BY;
  pieces: readonly string[] = ["Hel", "lo"];
  finishReason: GenerateAnswer["finishReason"] = "stop";
  embedding: readonly number[] = [0.5, -2];
  views: readonly LoadableView[] = [];

  generate: Generate = async (target, run, { onText, onServed } = {}) => {
    this.#note("generate", target, run);
    onServed?.(this.by);
    for (const piece of this.pieces) {
      onText?.(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.answer();
  };

  answer(): GenerateAnswer {
    const { finishReason, by } = this;
    const completionTokens = this.pieces.length;
    return {
      ...by,
      text: this.pieces.join(""),
      finishReason,
      promptTokens: 7,
      completionTokens,
      timingMs: TIMING,
    };
  }

  embed: Models["embed"] = async (target, input): Promise<EmbedAnswer> => {
    this.#note("embed", target, input);
    return { ...this.by, embedding: this.embedding, promptTokens: 3, timingMs: TIMING };
  };

  async loadable(...model: string[]): Promise<LoadableView[]> {
    this.#note("loadable", ...model);
    return [...this.views];
  }

  async metadata(target: unknown): Promise<ModelMetadataView> {
    this.#note("metadata", target);
    return {
      ...this.by,
      runtime: "gguf",
      architecture: "llama",
      parameters: 1000,
      contextLength: 4096,
      quantization: "Q4_K_M",
      inputs: [],
      outputs: [],
      weightBytes: 1,
      versions: [this.by.version],
      metrics: {},
    };
  }

  predict = notAsked;
  batchPredict = notAsked;
  infer = notAsked;
  load = notAsked;
  unload = notAsked;
  reload = notAsked;
  setPinned = notAsked;
  cacheStats = notAsked;
  explain = notAsked;
  configureCache = notAsked;

  #note(name: string, ...rest: unknown[]): void {
    this.calls.push([name, ...rest]);
    if (this.failures.has(name)) throw this.failures.get(name);
  }
}

function notAsked(): never {
  throw new Error("this dialect has no use for it");
}
