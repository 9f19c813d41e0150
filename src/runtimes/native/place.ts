import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LarderError, WorkerClient } from "../../core/index.ts";
import { EMBEDDED } from "./embedded.ts";

/** Folders with the native libraries, where the system's loader can open them. */
export interface NativePlace {
  readonly onnx: string;
  readonly llama: string;
}

/** Names the libraries in use: what one build found out about a file holds for that build alone. */
export const NATIVE_BUILD: string = EMBEDDED?.build ?? "source";

/**
 * Sees to it that the libraries are on the disk: from the executable into `<folder>/<build>`, or the packages when run from source.
 * Reading them all to compare digests takes about 60 ms in a thread of its own; call it once per process.
 *
 * @throws {LarderError} NOT_SUPPORTED without libraries for this platform; NO_SPACE, PERMISSION and other answers of the disk.
 */
export async function ensureNative(folder: string): Promise<NativePlace> {
  if (EMBEDDED === undefined) return placeInPackages();
  if (EMBEDDED.files.length === 0) throw notHere();
  const into = join(folder, EMBEDDED.build);
  const unpacker = new WorkerClient("runtimes/native/unpack");
  try {
    await unpacker.call("unpack", [into, EMBEDDED.files]);
  } finally {
    unpacker.close();
  }
  return { onnx: join(into, "onnx"), llama: join(into, "llama") };
}

/** Of the packages that hold them; the only platform whose libraries are tried and embedded. */
const PLATFORM = "linux-x64";

function placeInPackages(): NativePlace {
  if (`${process.platform}-${process.arch}` !== PLATFORM) throw notHere();
  const folderOf = (module: string) => dirname(fileURLToPath(import.meta.resolve(module)));
  return {
    onnx: join(folderOf("onnxruntime-node"), "../bin/napi-v6/linux/x64"),
    llama: join(folderOf(`@node-llama-cpp/${PLATFORM}`), "../bins", PLATFORM),
  };
}

function notHere(): LarderError {
  return new LarderError(
    "NOT_SUPPORTED",
    `Cannot run models: no runtime for ${process.platform}-${process.arch} is built in`,
    {
      hint: "Use the build for Linux on x86-64, or give the model's path to an engine outside.",
    },
  );
}
