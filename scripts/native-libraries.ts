import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { EmbeddedFile, EmbeddedLibraries } from "../src/runtimes/native/embedded.ts";

const PACKAGES = resolve(import.meta.dir, "../node_modules");
/** The only platform whose libraries are tried. */
const PLATFORM = /^bun-linux-x64(?:-baseline|-modern)?$/;
/** Smaller takes many times longer and saves little. */
const ZSTD_LEVEL = 9;

/** Folders of packages, by the name of the folder that they are unpacked to. */
const FOLDERS: Readonly<Record<string, string>> = {
  onnx: "onnxruntime-node/bin/napi-v6/linux/x64",
  llama: "@node-llama-cpp/linux-x64/bins/linux-x64",
};

/** What runtimes use of node-llama-cpp: its own entry also brings what looks for, downloads and compiles libraries. */
const LLAMA_EXPORTS: Readonly<Record<string, string>> = {
  Llama: "bindings/Llama.js",
  LlamaText: "utils/LlamaText.js",
  SpecialTokensText: "utils/LlamaText.js",
};
/** Modules that those import and never call. */
const LLAMA_UNUSED: Readonly<Record<string, readonly string[]>> = {
  "bindings/getLlama.js": ["getLlama", "getLlamaForOptions"],
  "utils/getGrammarsFolder.js": ["getGrammarsFolder"],
};

export interface NativeOptions {
  /** Of Bun; absent means this machine. */
  readonly target?: string;
  /** A folder for files that are needed until the executable is written. */
  readonly scratch: string;
}

/** Puts the native libraries into the executable, compressed, and leaves out what their packages would do to find them. */
export function nativeLibraries({ target = hostTarget(), scratch }: NativeOptions): Bun.BunPlugin {
  return {
    name: "native libraries",
    setup(builder) {
      builder.onLoad({ filter: /\/runtimes\/native\/embedded\.ts$/ }, async () => ({
        loader: "js",
        contents: await embeddedModule(PLATFORM.test(target) ? await libraries() : [], scratch),
      }));
      builder.onResolve(
        { filter: /^node-llama-cpp$/ },
        () => ({ path: "node-llama-cpp", namespace: "larder" }),
      );
      builder.onLoad({ filter: /^node-llama-cpp$/, namespace: "larder" }, () => ({
        loader: "js",
        contents: Object.entries(LLAMA_EXPORTS)
          .map(([name, file]) => `export { ${name} } from ${JSON.stringify(llamaFile(file))};`).join("\n"),
      }));
      for (const [file, names] of Object.entries(LLAMA_UNUSED)) {
        builder.onLoad({ filter: new RegExp(`^${RegExp.escape(llamaFile(file))}$`) }, () => ({
          loader: "js",
          contents: names.map((name) => `export const ${name} = undefined;`).join("\n"),
        }));
      }
    },
  };
}

function hostTarget(): string {
  const isMusl = existsSync(`/lib/ld-musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`);
  return `bun-${process.platform}-${process.arch}${isMusl ? "-musl" : ""}`;
}

/** @throws When the package has no such file: another version has to be looked at anew. */
function llamaFile(file: string): string {
  const path = join(PACKAGES, "node-llama-cpp/dist", file);
  if (!existsSync(path)) throw new Error(`Cannot build: node-llama-cpp has no dist/${file} any more`);
  return path;
}

interface Library {
  /** `onnx/libonnxruntime.so.1` */
  readonly name: string;
  readonly path: string;
}

async function libraries(): Promise<Library[]> {
  const all: Library[] = [];
  for (const [name, folder] of Object.entries(FOLDERS)) {
    const files = (await readdir(join(PACKAGES, folder))).sort();
    all.push(...files.map((file) => ({ name: `${name}/${file}`, path: join(PACKAGES, folder, file) })));
  }
  return all;
}

/** The module that takes the place of `embedded.ts`. */
async function embeddedModule(all: readonly Library[], scratch: string): Promise<string> {
  const packed = await Promise.all(all.map((library) => compress(library, scratch)));
  const hasher = new Bun.CryptoHasher("sha256");
  for (const { name, sha256 } of packed) hasher.update(`${name}\0${sha256}\n`);
  const embedded: EmbeddedLibraries = { build: hasher.digest("hex").slice(0, 16), files: packed };
  const imports = packed.map(({ path }, i) =>
    `import file${i} from ${JSON.stringify(path)} with { type: "file" };`
  );
  const files = packed.map((file, i) => `{ ...${JSON.stringify({ ...file, path: "" })}, path: file${i} }`);
  return [
    ...imports,
    `export const EMBEDDED = { build: ${JSON.stringify(embedded.build)}, files: [${files.join(", ")}] };`,
  ].join("\n");
}

async function compress({ name, path }: Library, scratch: string): Promise<EmbeddedFile> {
  const bytes = await Bun.file(path).bytes();
  const packed = join(scratch, dirname(name), `${name.replaceAll("/", "-")}.zst`);
  await Bun.write(packed, await Bun.zstdCompress(bytes, { level: ZSTD_LEVEL }));
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  return { name, path: packed, sha256, sizeBytes: bytes.byteLength };
}
