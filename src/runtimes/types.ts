/** What runs a model. Chosen from its files, never from its name. */
export type RuntimeName = "onnx" | "gguf" | "mapped";

/** Element types as ONNX and KServe name them, in lower case. */
export type Dtype =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool"
  | "string";

/** An input or output. A dimension that may vary is null, or its symbolic name. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: ReadonlyArray<number | string | null>;
}

/** An output that is no tensor: what tree ensembles give as `seq(map(int64, float))`. */
export interface StructuredSpec {
  readonly name: string;
  /** The type as the file writes it: `seq(map(int64,tensor(float)))`. */
  readonly type: string;
}

/** What a model of language can be asked for. */
export type TextTask = "completion" | "chat" | "embedding";

/** What headers tell about a model's files, without loading them. */
export interface ModelMetadata {
  readonly runtime: RuntimeName;
  readonly architecture: string | null;
  readonly parameters: number | null;
  readonly contextLength: number | null;
  readonly quantization: string | null;
  /** Of a model of language. */
  readonly tasks?: readonly TextTask[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: ReadonlyArray<TensorSpec | StructuredSpec>;
  /** Of the weights; what a load is expected to need at least. */
  readonly weightBytes: number;
}

/** Values in row-major order: a typed array of the dtype's width (float16 and bfloat16 as raw Uint16Array, bool as Uint8Array), or strings. */
export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly string[];

/** What a ZipMap gives for each row: label to probability. */
export interface StructuredValue {
  readonly rows: ReadonlyArray<Readonly<Record<string, number>>>;
}

export interface ModelFile {
  /** Path inside the version. */
  readonly path: string;
  /** Where the bytes lie under that name. */
  readonly localPath: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface LoadRequest {
  /** For messages and for what is remembered: `iris@2:default`. */
  readonly label: string;
  /** A folder in which `path` of every file is its real name, so that files that name each other find each other. */
  readonly folder: string;
  readonly files: readonly ModelFile[];
  /** In a thread of this process, or in a process of its own. */
  readonly isolation: "thread" | "process";
  readonly options: Readonly<Record<string, unknown>>;
}

export interface TensorRun {
  readonly kind: "tensors";
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** All outputs by default. */
  readonly outputs?: readonly string[];
}

export interface TensorResult {
  readonly outputs: Readonly<Record<string, Tensor | StructuredValue>>;
}

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

export interface GenerateRun {
  readonly kind: "generate";
  /** A prompt as it is, or a conversation that the model's template makes one of. */
  readonly prompt: string | readonly ChatMessage[];
  readonly maxTokens: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

export interface GenerateResult {
  readonly text: string;
  readonly finishReason: "stop" | "length" | "cancelled";
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface EmbedRun {
  readonly kind: "embed";
  readonly input: string;
}

export interface EmbedResult {
  readonly embedding: readonly number[];
  readonly promptTokens: number;
}

/**
 * A model in memory. Calls may overlap; a runtime that can do one at a time queues them.
 *
 * @throws {LarderError} from its calls: BAD_INPUT naming the input, MODEL_CRASHED, MODEL_BUSY, CANCELLED, NOT_SUPPORTED.
 */
export interface LoadedModel {
  readonly metadata: ModelMetadata;
  /** Measured after the load; grows when the runtime says so. */
  readonly memoryBytes: number;
  readonly loadMs: number;
  /** Calls that wait for others to end. */
  readonly waiting: number;
  /** Tensors that fill their buffer alone move to the model and are gone for the caller. An inference that has begun ends unseen. */
  run(run: TensorRun, signal?: AbortSignal): Promise<TensorResult>;
  /** Once it has begun, an abort ends it with what there is, as `cancelled`; before, it is CANCELLED. */
  generate(run: GenerateRun, onText?: (text: string) => void, signal?: AbortSignal): Promise<GenerateResult>;
  embed(run: EmbedRun, signal?: AbortSignal): Promise<EmbedResult>;
  /** Rejects when it can no longer be used: its thread or process ended. */
  readonly lost: Promise<never>;
  /** Waits for running calls, then gives the memory back. */
  dispose(): Promise<void>;
}

/** Loads models. */
export interface Runtimes {
  /** From headers alone. @throws {LarderError} MODEL_BROKEN naming what is wrong and where; NOT_SUPPORTED. */
  inspect(files: readonly ModelFile[]): Promise<ModelMetadata>;
  /** @throws {LarderError} MODEL_BROKEN, MODEL_CRASHED, NOT_SUPPORTED, CANCELLED, NO_MEMORY. */
  load(request: LoadRequest, signal?: AbortSignal): Promise<LoadedModel>;
  /** Calls of all loaded models that wait for others to end. */
  readonly waiting: number;
  close(): Promise<void>;
}
