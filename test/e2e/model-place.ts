import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Api } from "../helpers/api.ts";
import { executable, type Place, place, type Server } from "../helpers/executable.ts";
import { externalOnnx, linearOnnx, transformerOnnx, treeOnnx } from "../helpers/onnx-files.ts";
import { tinyLlama } from "../helpers/tiny-llama.ts";

export type ModelFiles = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

/** One model of each kind, by the name it is imported under, at version 1.0.0. */
export const MODELS = {
  "acme/linear": { "model.onnx": linearOnnx() },
  "acme/tree": { "model.onnx": treeOnnx({ labels: ["setosa", "versicolor", "virginica"] }) },
  "acme/external": externalFiles(),
  "acme/transformer": { "model.onnx": transformerOnnx() },
  "acme/llama": { "llama.gguf": tinyLlama() },
} as const satisfies Readonly<Record<string, ModelFiles>>;

/** Loading asserts inside llama.cpp, which ends the process that does it. */
export const DEADLY: ModelFiles = { "llama.gguf": tinyLlama({ headCount: 0 }) };

/** A copy of the executable where nothing of the checkout is in reach, and a home to import models into. */
export interface ModelPlace extends AsyncDisposable {
  readonly larder: Place;
  /** The copy. */
  readonly program: string;
  /** Imports a folder of these files. Gives the folder. @param reference `acme/tiny@1.0.0` */
  add(reference: string, files: ModelFiles): Promise<string>;
  addAll(): Promise<void>;
  /** @param shell A line that runs `"$@"`. */
  serve(
    argv?: readonly string[],
    env?: Readonly<Record<string, string>>,
    shell?: string,
  ): Promise<ModelServer>;
}

export interface ModelServer {
  readonly server: Server;
  /** As an administrator. */
  readonly api: Api;
  readonly url: string;
}

export async function modelPlace(): Promise<ModelPlace> {
  await using stack = new AsyncDisposableStack();
  const larder = stack.use(await place());
  const program = join(larder.path, "alone", "larder");
  await mkdir(join(larder.path, "alone"));
  await copyFile(await executable(), program);
  const alone = { program, cwd: "/", env: { PATH: "" } };
  const owned = stack.move();
  const add = async (reference: string, files: ModelFiles) => {
    const folder = join(larder.path, "sources", reference.replaceAll("/", "-"));
    for (const [path, bytes] of Object.entries(files)) await Bun.write(join(folder, path), bytes);
    const { code, stderr } = await larder.runWith(alone, "import", folder, reference);
    if (code !== 0) throw new Error(`Cannot import ${reference}: ${stderr}`);
    return folder;
  };
  return {
    larder,
    program,
    add,
    addAll: async () => {
      for (const [model, files] of Object.entries(MODELS)) await add(`${model}@1.0.0`, files);
    },
    serve: async (argv, env, shell) => {
      const options = shell === undefined
        ? { ...alone, env: { ...alone.env, ...env } }
        : { program, cwd: "/", env: { ...env }, shell };
      const server = await larder.serve(argv, options);
      const token = (await Bun.file(larder.inHome("admin.token")).text()).trim();
      return { server, url: server.url, api: new Api(server.url, token) };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function externalFiles() {
  const { model, data } = externalOnnx();
  return { "onnx/model.onnx": model, "onnx/model.onnx_data": data };
}
