import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  createRuntimes,
  type LoadRequest,
  type LocalRuntimes,
  MODEL_PROCESS,
  type ModelFile,
  type RuntimesOptions,
} from "../../src/runtimes/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

/** This program from source, as the process of one model. */
export const COMMAND = [process.execPath, resolve(import.meta.dir, "../../src/main.ts"), MODEL_PROCESS];

export type Isolation = LoadRequest["isolation"];
export type Files = Readonly<Record<string, Uint8Array>>;

/** Runtimes in a temporary home, and a place for the files of models; `await using` closes and removes both. */
export interface Bench extends AsyncDisposable {
  readonly path: string;
  readonly home: string;
  readonly runtimes: LocalRuntimes;
  /** Other runtimes in the same home, as after a restart. Close the earlier ones before. */
  reopen(options?: Partial<RuntimesOptions>): LocalRuntimes;
  /** Writes files and asks for them to be loaded, each time in a folder of their own. */
  request(files: Files, options?: Partial<LoadRequest>): Promise<LoadRequest>;
}

export async function bench(options: Partial<RuntimesOptions> = {}): Promise<Bench> {
  const folder = await tempFolder();
  const home = join(folder.path, "home");
  const opened: LocalRuntimes[] = [];
  const open = (others: Partial<RuntimesOptions> = {}) => {
    const runtimes = createRuntimes({ home, command: COMMAND, ...options, ...others });
    opened.push(runtimes);
    return runtimes;
  };
  let requests = 0;
  return {
    path: folder.path,
    home,
    runtimes: open(),
    reopen: open,
    request: async (files, others = {}) => {
      const target = join(folder.path, `model-${++requests}`);
      const written = Object.entries(files).map(([path, bytes]) => writeModelFile(target, path, bytes));
      return {
        label: "acme/tiny@1:default",
        folder: target,
        files: await Promise.all(written),
        isolation: "thread",
        options: {},
        ...others,
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const runtimes of opened) await runtimes.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function writeModelFile(folder: string, path: string, bytes: Uint8Array): Promise<ModelFile> {
  const localPath = join(folder, path);
  await mkdir(dirname(localPath), { recursive: true });
  await Bun.write(localPath, bytes);
  return { path, localPath, sizeBytes: bytes.byteLength, sha256: digestOf(bytes).replace(/^sha256:/, "") };
}

/** What a promise was rejected with. @throws When it was not. */
export async function failureOf(promise: Promise<unknown>): Promise<Record<string, unknown>> {
  const outcome = await promise.then(() => undefined, (error: unknown) => error);
  if (outcome === undefined) throw new Error("It was expected to fail");
  return outcome as Record<string, unknown>;
}
