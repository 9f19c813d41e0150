import { basename } from "node:path";
import { LarderError } from "../../core/index.ts";

/**
 * Loads a native module and what it stands on.
 *
 * @throws {LarderError} CONFIG with the loader's own words, which name what the system lacks.
 */
export function openNativeModule<T>(path: string): T {
  const module = { exports: {} };
  try {
    process.dlopen(module, path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LarderError("CONFIG", `Cannot load ${basename(path)}: ${reason}`, {
      hint: "The system needs libstdc++ and libgcc, and the home a disk that is mounted without noexec.",
      cause: error,
    });
  }
  return module.exports as T;
}
