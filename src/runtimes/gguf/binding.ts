import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Llama, type LlamaOptions } from "node-llama-cpp";
import { openNativeModule } from "../native/open-module.ts";

/** What an addon of node-llama-cpp exports, as far as it is used here. */
interface Addon {
  setLoggerLogLevel(level: number): void;
  setLogger(callback?: (level: number, text: string) => void): void;
}

/** What llama.cpp writes at these levels goes to the process's own output. */
const LOG_NOTHING = 0;
const LOG_ERRORS = 2;

interface Creation extends LlamaOptions {
  readonly bindings: object;
  readonly bindingPath: string;
  readonly buildMetadata: unknown;
}

/**
 * Loads llama.cpp. Not through `getLlama()`, which looks for packages, tries what it finds in a process of its own,
 * and downloads or compiles what it does not find.
 *
 * One at a time in a process: the addon registers its backends without a lock. Its logger is one for the process and belongs to
 * the thread that set it last, which may end while others log; so a thread among others sets none.
 *
 * @param onError Takes the lines that llama.cpp logs of its failures; absent when other threads use it too.
 */
export async function openBinding(folder: string, onError?: (line: string) => void): Promise<Llama> {
  const bindingPath = join(folder, "llama-addon.node");
  const addon = openNativeModule<Addon>(bindingPath);
  addon.setLoggerLogLevel(onError ? LOG_ERRORS : LOG_NOTHING);
  if (onError) addon.setLogger((_, text) => onError(text.trim()));
  const nothing = () => {};
  const bindings = Object.create(addon, {
    setLogger: { value: nothing },
    setLoggerLogLevel: { value: nothing },
  });
  const internal = Llama as unknown as { _create(options: Creation): Promise<Llama> };
  return await internal._create({
    ...{ bindings, bindingPath },
    buildMetadata: await Bun.file(join(folder, "_nlcBuildMetadata.json")).json(),
    logger: nothing,
    maxThreads: availableParallelism(),
    // How much memory a model may take is decided before it is loaded.
    ...{ vramPadding: 0, ramPadding: 0 },
    ...{ debug: false, numa: false, tempDir: false },
  });
}
