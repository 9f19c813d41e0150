import { LarderError } from "../../core/index.ts";
import type { LoadedModel, ModelMetadata, Tensor, TensorData, TensorSpec } from "../../runtimes/index.ts";
import { toTensors } from "../models/named-inputs.ts";
import type { TuneRequest } from "../options-types.ts";

/** Letters of a prompt that nobody gave: enough for the reading of it to take time. */
const PROMPT_LENGTH = 512;
const TOKENS = 16;
const CONTEXT_LENGTH_DEFAULT = 4096;
const WORDS = "the same words again and again until there are enough of them ";

/** One call to a model, made ready before it is timed; round by round another one, so that none is answered from memory. */
export type MakeCall = (round: number) => (model: LoadedModel, signal: AbortSignal) => Promise<unknown>;

/**
 * What is measured: the probe, or what can be made of the model's metadata.
 *
 * @param contextLength What the model was loaded with, if that was set.
 * @throws {LarderError} BAD_INPUT, NOT_SUPPORTED.
 */
export function callsFor(
  metadata: ModelMetadata,
  probe: TuneRequest["probe"],
  contextLength: unknown,
): MakeCall {
  switch (metadata.runtime) {
    case "onnx":
      return tensorCalls(metadata, probe);
    case "gguf":
      return textCalls(metadata, probe, contextLength);
    case "mapped":
      throw new LarderError("NOT_SUPPORTED", "Cannot tune a model that another program runs");
  }
}

function tensorCalls(metadata: ModelMetadata, probe: TuneRequest["probe"]): MakeCall {
  if (typeof probe === "string") throw wrongProbe("inputs as for predict");
  const make = () => probe === undefined ? anyTensors(metadata) : toTensors(probe, metadata);
  make();
  return () => {
    // Anew for each run: what a model is given may be gone afterwards.
    const inputs = make();
    return (model, signal) => model.run({ kind: "tensors", inputs }, signal);
  };
}

function textCalls(metadata: ModelMetadata, probe: TuneRequest["probe"], contextLength: unknown): MakeCall {
  if (probe !== undefined && typeof probe !== "string") throw wrongProbe("a text");
  const context = typeof contextLength === "number"
    ? contextLength
    : Math.min(CONTEXT_LENGTH_DEFAULT, metadata.contextLength ?? CONTEXT_LENGTH_DEFAULT);
  // A token is a letter at least, and the answer needs room too.
  const length = Math.max(1, Math.min(PROMPT_LENGTH, Math.floor(context / 2) - 8));
  const text = probe ?? WORDS.repeat(Math.ceil(length / WORDS.length)).slice(0, length);
  const maxTokens = Math.max(1, Math.min(TOKENS, Math.floor(context / 4)));
  return (round) => {
    // What begins as the last one did is not read again.
    const input = probe === undefined ? `${round} ${text}`.slice(0, length) : `${round} ${text}`;
    if (onlyEmbeds(metadata)) return (model, signal) => model.embed({ kind: "embed", input }, signal);
    const run = { kind: "generate", prompt: input, maxTokens, temperature: 0, seed: 1 } as const;
    return (model, signal) => model.generate(run, undefined, signal);
  };
}

/** Such a model reads a text in one piece. */
export function onlyEmbeds({ tasks }: Pick<ModelMetadata, "tasks">): boolean {
  return tasks !== undefined && !tasks.includes("completion");
}

/** One everywhere, dimensions that may vary included: a token that every vocabulary has, and a mask that hides nothing. */
function anyTensors({ inputs }: ModelMetadata): Record<string, Tensor> {
  return Object.fromEntries(inputs.map((spec) => [spec.name, ones(spec)]));
}

function ones({ dtype, shape: wanted }: TensorSpec): Tensor {
  const shape = wanted.map((size) => typeof size === "number" ? size : 1);
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype, shape, data: MAKERS[dtype](count) };
}

const HALF_ONE = 0x3c00;
const BFLOAT_ONE = 0x3f80;

const MAKERS: Readonly<Record<Tensor["dtype"], (count: number) => TensorData>> = {
  float32: (count) => new Float32Array(count).fill(1),
  float64: (count) => new Float64Array(count).fill(1),
  float16: (count) => new Uint16Array(count).fill(HALF_ONE),
  bfloat16: (count) => new Uint16Array(count).fill(BFLOAT_ONE),
  int8: (count) => new Int8Array(count).fill(1),
  int16: (count) => new Int16Array(count).fill(1),
  int32: (count) => new Int32Array(count).fill(1),
  int64: (count) => new BigInt64Array(count).fill(1n),
  uint8: (count) => new Uint8Array(count).fill(1),
  uint16: (count) => new Uint16Array(count).fill(1),
  uint32: (count) => new Uint32Array(count).fill(1),
  uint64: (count) => new BigUint64Array(count).fill(1n),
  bool: (count) => new Uint8Array(count).fill(1),
  string: (count) => Array.from({ length: count }, () => "a"),
};

function wrongProbe(allowed: string): LarderError {
  return new LarderError("BAD_INPUT", "Cannot tune with this probe", {
    field: "probe",
    hint: `Give ${allowed}, or leave it out.`,
  });
}
