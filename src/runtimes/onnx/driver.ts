import { dirname } from "node:path";
import type { OnnxOptions } from "../options.ts";
import type { Driver, DriverContext, Engine } from "../runner/engine.ts";
import type { LoadOrder } from "../runner/messages.ts";
import { type OnnxSession, openBinding } from "./binding.ts";
import { OnnxEngine } from "./engine.ts";
import { loadError } from "./errors.ts";
import { withoutZipMaps, type ZipMap } from "./zip-map.ts";

export function openOnnx({ native, busy }: DriverContext): Promise<Driver> {
  const newSession = busy.run(() => openBinding(native.onnx));
  return Promise.resolve({
    load: async (order: LoadOrder, signal: AbortSignal): Promise<Engine> => {
      const options = sessionOptions(order.options as OnnxOptions, dirname(order.path));
      const model = await readModel(order);
      signal.throwIfAborted();
      const session = newSession();
      try {
        busy.run(() => loadInto(session, model, options));
      } catch (error) {
        throw loadError(order.path, error);
      }
      return new OnnxEngine({ session, zipMaps: model.zipMaps, metadata: order.metadata, busy });
    },
    close: () => Promise.resolve(),
  });
}

interface Model {
  readonly path: string;
  /** Instead of what lies under the path. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly zipMaps: readonly ZipMap[];
}

/** The native module gives no maps, so a model that ends in ZipMaps is loaded without them. */
async function readModel({ path, metadata }: LoadOrder): Promise<Model> {
  const hasStructures = metadata.outputs.some((output) => "type" in output);
  if (!hasStructures) return { path, zipMaps: [] };
  const edited = withoutZipMaps(await Bun.file(path).bytes());
  return edited === undefined ? { path, zipMaps: [] } : { path, ...edited };
}

function loadInto(session: OnnxSession, { path, bytes }: Model, options: object): void {
  if (bytes) session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, options);
  else session.loadModel(path, options);
}

/** @param folder Where the model looks for files that hold its weights, also when it is not loaded from there itself. */
function sessionOptions(options: OnnxOptions, folder: string): object {
  const { threads, graph_optimization, memory_arena, memory_pattern, spin } = options;
  return {
    executionProviders: ["cpu"],
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    ...(graph_optimization !== undefined && { graphOptimizationLevel: graph_optimization }),
    ...(memory_arena !== undefined && { enableCpuMemArena: memory_arena }),
    ...(memory_pattern !== undefined && { enableMemPattern: memory_pattern }),
    // @see onnxruntime_session_options_config_keys.h
    extra: {
      session: {
        // Threads that wait busily take the cores from all other work of this process.
        intra_op: { allow_spinning: spin ? "1" : "0" },
        model_external_initializers_file_folder_path: folder,
      },
    },
  };
}
