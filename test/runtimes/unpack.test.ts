import { expect, test } from "bun:test";
import { chmod, mkdir, readdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { EmbeddedFile } from "../../src/runtimes/native/embedded.ts";
import { unpack } from "../../src/runtimes/native/unpack.ts";
import { digestOf } from "../helpers/digest.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { type TempFolder, tempFolder } from "../helpers/temp-folder.ts";

const BUILD = "0123456789abcdef";
const CONTENTS: Readonly<Record<string, Uint8Array>> = {
  "onnx/one.so": pseudoRandomBytes(1, 100_000),
  "llama/two.so": pseudoRandomBytes(2, 3_000_000),
};

async function embedded(folder: TempFolder): Promise<EmbeddedFile[]> {
  return await Promise.all(
    Object.entries(CONTENTS).map(async ([name, bytes]) => {
      const path = join(folder.path, `${name.replace("/", "-")}.zst`);
      await Bun.write(path, Bun.zstdCompressSync(bytes));
      return { name, path, sha256: digestOf(bytes), sizeBytes: bytes.byteLength };
    }),
  );
}

async function contentsOf(folder: string): Promise<Record<string, string>> {
  const names = Object.keys(CONTENTS);
  const read = async (name: string) => [name, digestOf(await Bun.file(join(folder, name)).bytes())] as const;
  return Object.fromEntries(await Promise.all(names.map(read)));
}

const RIGHT = Object.fromEntries(Object.entries(CONTENTS).map(([name, bytes]) => [name, digestOf(bytes)]));

test("unpack() makes folders that only their owner may look into, and files that nobody changes", async () => {
  await using folder = await tempFolder();
  const target = join(folder.path, "runtimes", BUILD);
  await unpack(target, await embedded(folder));
  expect(await contentsOf(target)).toEqual(RIGHT);
  const modes = await Promise.all(
    ["..", ".", "onnx", "onnx/one.so"].map(async (name) =>
      ((await stat(join(target, name))).mode & 0o777).toString(8)
    ),
  );
  expect(modes).toEqual(["700", "700", "700", "500"]);
});

test("unpack() leaves what is right as it is", async () => {
  await using folder = await tempFolder();
  const target = join(folder.path, "runtimes", BUILD);
  const files = await embedded(folder);
  await unpack(target, files);
  const before = await stat(target);
  await unpack(target, files);
  expect((await stat(target)).ino).toBe(before.ino);
});

const DAMAGES: readonly (readonly [what: string, damage: (path: string) => Promise<unknown>])[] = [
  ["one byte is another", async (path) => {
    const bytes = await Bun.file(path).bytes();
    bytes[50_000] = (bytes[50_000] ?? 0) ^ 1;
    await Bun.write(path, bytes);
  }],
  ["it is cut", (path) => Bun.write(path, (CONTENTS["onnx/one.so"] ?? new Uint8Array()).slice(0, 10))],
  ["it is a link to the same bytes", async (path) => {
    await Bun.write(`${path}.elsewhere`, CONTENTS["onnx/one.so"] ?? "");
    await Bun.file(path).delete();
    await symlink(`${path}.elsewhere`, path);
  }],
  ["it is gone", (path) => Bun.file(path).delete()],
];

for (const [what, damage] of DAMAGES) {
  test(`unpack() makes a library anew when ${what}`, async () => {
    await using folder = await tempFolder();
    const target = join(folder.path, "runtimes", BUILD);
    const files = await embedded(folder);
    await unpack(target, files);
    const path = join(target, "onnx/one.so");
    await chmod(path, 0o700);
    await damage(path);
    await unpack(target, files);
    expect(await contentsOf(target)).toEqual(RIGHT);
    expect((await stat(path)).isFile()).toBe(true);
    expect(await readdir(join(target, "onnx"))).toEqual(["one.so"]);
  });
}

test("unpack() removes other builds and what a crash left half unpacked, and nothing else", async () => {
  await using folder = await tempFolder();
  const runtimes = join(folder.path, "runtimes");
  const others = ["fedcba9876543210/onnx", `${BUILD}.tmp-1/onnx`, "loading", "fedcba98765432100"];
  for (const name of others) await mkdir(join(runtimes, name), { recursive: true });
  await Bun.write(join(runtimes, "loads.json"), "{}");
  await unpack(join(runtimes, BUILD), await embedded(folder));
  expect((await readdir(runtimes)).sort()).toEqual([BUILD, "fedcba98765432100", "loading", "loads.json"]);
});

test("unpack() keeps nothing of an executable that is damaged", async () => {
  await using folder = await tempFolder();
  const [one, two] = await embedded(folder);
  if (one === undefined || two === undefined) throw new Error("There are two");
  const target = join(folder.path, "runtimes", BUILD);
  const swapped = [one, { ...two, path: one.path }];
  expect(await unpack(target, swapped).catch((error) => error)).toMatchObject({ code: "IO" });
  expect(await readdir(join(folder.path, "runtimes"))).toEqual([]);
});
