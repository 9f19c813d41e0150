import type { Llama, LlamaModel } from "node-llama-cpp";
import type { GgufOptions } from "../options.ts";
import type { Driver, DriverContext, Engine } from "../runner/engine.ts";
import type { LoadOrder } from "../runner/messages.ts";
import { openBinding } from "./binding.ts";
import { GgufEngine } from "./engine.ts";
import { loadError } from "./errors.ts";

/** Tokens of prompt and answer when nobody asks for more: memory for them is taken at once. */
const CONTEXT_LENGTH_DEFAULT = 4096;

export async function openLlama({ native, busy, isAlone, onMemory }: DriverContext): Promise<Driver> {
  const said: string[] = [];
  const onError = isAlone ? (line: string) => void said.push(line) : undefined;
  const llama = await busy.wait(() => openBinding(native.llama, onError));
  return {
    load: (order: LoadOrder, signal: AbortSignal) =>
      busy.wait(async () => {
        const model = await loadModel(llama, order, signal, said);
        try {
          return await openEngine(model, order, { busy, onMemory, signal });
        } catch (error) {
          await model.dispose();
          throw signal.aborted ? signal.reason : loadError(error, said);
        }
      }),
    close: () => busy.wait(() => llama.dispose()),
  };
}

async function loadModel(
  llama: Llama,
  { path, options }: LoadOrder,
  signal: AbortSignal,
  said: readonly string[],
): Promise<LlamaModel> {
  const { mmap } = options as GgufOptions;
  try {
    return await llama.loadModel({ modelPath: path, useMmap: mmap, gpuLayers: 0, loadSignal: signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : loadError(error, said);
  }
}

interface EngineContext extends Pick<DriverContext, "busy" | "onMemory"> {
  readonly signal: AbortSignal;
}

async function openEngine(model: LlamaModel, order: LoadOrder, context: EngineContext): Promise<Engine> {
  const { busy, onMemory, signal } = context;
  const { threads, parallel, context_length, batch_size } = order.options as GgufOptions;
  const contextLength = context_length ?? Math.min(CONTEXT_LENGTH_DEFAULT, model.trainContextSize);
  const settings = {
    threads,
    contextSize: contextLength,
    ...(batch_size !== undefined && { batchSize: batch_size }),
    createSignal: signal,
  };
  if (onlyEmbeds(model)) {
    // Such a model sees a text at once or not at all.
    const embedding = await model.createEmbeddingContext({ ...settings, batchSize: contextLength });
    return new GgufEngine({ model, busy, onMemory, contextLength, embedding });
  }
  // A context that becomes smaller without a word would refuse prompts that it was asked to take.
  const texts = await model.createContext({ ...settings, sequences: parallel, failedCreationRemedy: false });
  const newEmbedding = () => model.createEmbeddingContext({ threads, contextSize: contextLength });
  return new GgufEngine({ model, busy, onMemory, contextLength, texts, newEmbedding });
}

/** Models that see the whole text at once have no next token. @see llama.cpp, `gguf-py`: key `{arch}.attention.causal`. */
function onlyEmbeds(model: LlamaModel): boolean {
  return model.fileInfo.architectureMetadata.attention?.causal === false;
}
