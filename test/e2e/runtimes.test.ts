import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "../../scripts/build.ts";
import { linearOnnx, treeOnnx } from "../helpers/onnx-files.ts";
import { type TempFolder, tempFolder } from "../helpers/temp-folder.ts";
import { tinyLlama } from "../helpers/tiny-llama.ts";
import { findTool, testWith } from "../helpers/tools.ts";

const ROOT = resolve(import.meta.dir, "../..");
const TIMEOUT_MS = 120_000;

let folder: TempFolder;
let program: string;
let models: string[];

beforeAll(async () => {
  folder = await tempFolder();
  const src = join(folder.path, "src");
  for (const part of ["core", "runtimes"]) {
    await cp(join(ROOT, "src", part), join(src, part), { recursive: true });
  }
  const main = await Bun.file(join(import.meta.dir, "runtimes-program.ts")).text();
  await Bun.write(join(src, "main.ts"), main.replaceAll("../../src/", "./"));
  await symlink(join(ROOT, "node_modules"), join(folder.path, "node_modules"));
  program = join(folder.path, "alone/larder");
  await build({ src, outfile: program, commit: "" });
  // Out of reach, so that nothing can be found in them by accident.
  for (const name of ["src", "node_modules"]) await rm(join(folder.path, name), { recursive: true });
  models = await write({
    "linear.onnx": linearOnnx(),
    "tree.onnx": treeOnnx(),
    "tiny.gguf": tinyLlama(),
    "killer.gguf": tinyLlama({ headCount: 0 }),
  });
}, TIMEOUT_MS);

afterAll(() => folder[Symbol.asyncDispose]());

async function write(files: Record<string, Uint8Array>): Promise<string[]> {
  const target = join(folder.path, "models");
  await mkdir(target);
  return await Promise.all(
    Object.entries(files).map(async ([name, bytes]) => {
      await Bun.write(join(target, name), bytes);
      return join(target, name);
    }),
  );
}

async function runProgram(home: string, prefix: readonly string[] = []): Promise<unknown> {
  const child = Bun.spawn([...prefix, program, home, ...models], {
    cwd: "/",
    env: { PATH: "", HOME: join(folder.path, "nowhere") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect({ err, code: await child.exited }).toEqual({ err: "", code: 0 });
  return JSON.parse(out);
}

// By hand, from the weights and the tree.
const LINEAR = { y: [5.75, 7.75, 13] };
const TREE = { label: [2], probabilities: [{ "0": 0, "1": 0.0625, "2": 0.9375 }] };
const LLAMA = { hasText: true, completionTokens: 8, width: 64 };
const ANSWERS = {
  "linear.onnx in a thread": LINEAR,
  "tree.onnx in a thread": TREE,
  "tiny.gguf in a thread": LLAMA,
  "killer.gguf in a thread": "MODEL_CRASHED",
  "linear.onnx in a process": LINEAR,
  "tree.onnx in a process": TREE,
  "tiny.gguf in a process": LLAMA,
  "killer.gguf in a process": "MODEL_CRASHED",
};

test(
  "the executable alone runs every runtime, in threads and in processes, and unpacks into its home once",
  async () => {
    const home = join(folder.path, "home");
    expect(await runProgram(home)).toEqual(ANSWERS);
    const before = (await readdir(join(home, "runtimes"))).sort();
    expect(before).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), "loading", "loads.json"]);
    expect(await runProgram(home)).toEqual(ANSWERS);
    expect((await readdir(join(home, "runtimes"))).sort()).toEqual(before);
    expect(await Bun.file(join(folder.path, "nowhere")).exists()).toBe(false);
  },
  TIMEOUT_MS,
);

testWith(
  ["strace"],
  "no runtime opens a socket to anywhere, writes outside the home, or looks into the checkout",
  async () => {
    const home = join(folder.path, "traced");
    const trace = join(folder.path, "trace");
    const calls = "trace=%network,%file";
    expect(await runProgram(home, [findTool("strace") ?? "", "-f", "-qq", "-e", calls, "-o", trace])).toEqual(
      ANSWERS,
    );
    const seen = (await readFile(trace, "utf8")).split("\n").filter((line) => !line.includes(" = -1 "));
    expect(seen.some((line) => line.includes("libonnxruntime.so.1"))).toBe(true);
    expect(seen.some((line) => line.includes("libggml"))).toBe(true);
    expect(seen.filter((line) => /\bsocket\(|\bconnect\(|\bsendto\(.*AF_INET/.test(line))).toEqual([]);
    const changes =
      /\b(?:open(?:at)?\(.*(?:O_WRONLY|O_RDWR|O_CREAT)|creat\(|mkdir|rename|unlink|link(?:at)?\(|symlink)/;
    expect(seen.filter((line) => changes.test(line) && !line.includes(home) && !line.includes('"/dev/null"')))
      .toEqual([]);
    expect(seen.filter((line) => line.includes(`"${ROOT}`) || line.includes("node_modules"))).toEqual([]);
    expect(
      seen.filter((line) => line.includes("execve(") && !line.includes(program) && !line.includes('/exe"')),
    ).toEqual([]);
  },
  TIMEOUT_MS,
);
