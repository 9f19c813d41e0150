import { loadConfig, type LoadOptions } from "../../src/config/index.ts";
import { isLarderError, type LarderError } from "../../src/core/index.ts";

/** The settings file of the user whose environment `load()` gives. */
export const FILE = "/home/ada/.config/larder/larder.toml";

/** Loads settings without looking at this machine: only the files that are given are there. */
export function load(options: Partial<LoadOptions> & { files?: Record<string, string> } = {}) {
  const { files = {}, env = {}, flags = {}, ...rest } = options;
  return loadConfig({
    flags,
    env: { HOME: "/home/ada", ...env },
    readFile: (path) => files[path],
    ...rest,
  });
}

export function failure(work: () => unknown): LarderError {
  try {
    work();
  } catch (error) {
    if (isLarderError(error, "CONFIG")) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
