import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { appendFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { withReader } from "../../../src/runtimes/headers/index.ts";
import { pseudoRandomBytes } from "../../helpers/pseudo-random.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { faultOf, modelFiles } from "./setup.ts";

async function oneFile(folder: string, content: Uint8Array) {
  const [file] = await modelFiles(folder, { "m.gguf": content });
  if (file === undefined) throw new Error("no file");
  return { file, path: join(folder, file.path) };
}

test("any part of a file is read as it is", async () => {
  await using folder = await tempFolder();
  const bytes = pseudoRandomBytes(1, 300_000);
  const { file } = await oneFile(folder.path, bytes);
  await withReader(file, async (reader) => {
    expect([reader.path, reader.sizeBytes]).toEqual(["m.gguf", 300_000]);
    for (const [from, length] of [[0, 300_000], [299_999, 1], [12_345, 0], [1, 100]] as const) {
      expect(Buffer.from(await reader.read(from, length)).equals(bytes.subarray(from, from + length))).toBe(
        true,
      );
    }
  });
});

test("F22: a file that is cut while it is read is damaged, not broken", async () => {
  await using folder = await tempFolder();
  const { file, path } = await oneFile(folder.path, new Uint8Array(10_000));
  const work = withReader(file, async (reader) => {
    await truncate(path, 5_000);
    await reader.read(0, 10_000);
  });
  expect((await faultOf(work)).code).toBe("BLOB_DAMAGED");
});

test("F22: what was read from a file that changed meanwhile is thrown away", async () => {
  await using folder = await tempFolder();
  const { file, path } = await oneFile(folder.path, new Uint8Array(1_000));
  expect((await faultOf(withReader(file, () => appendFile(path, "more")))).code).toBe("BLOB_DAMAGED");
  await writeFile(path, new Uint8Array(1_000));
  const work = withReader(file, async () => {
    await Bun.sleep(20); // file systems with coarse times see no change within one of their ticks
    await writeFile(path, new Uint8Array(1_000).fill(1));
    return "read";
  });
  expect((await faultOf(work)).code).toBe("BLOB_DAMAGED");
});

test("descriptors are given back, whatever happens", async () => {
  await using folder = await tempFolder();
  const { file } = await oneFile(folder.path, new Uint8Array(10));
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  for (let i = 0; i < 100; i++) {
    await withReader(file, (reader) => reader.read(0, 10));
    const failing = withReader(file, () => Promise.reject(new Error("stop")));
    expect(await failing.catch((error) => error.message)).toBe("stop");
    await faultOf(withReader({ ...file, sizeBytes: 11 }, () => Promise.resolve()));
  }
  expect(open()).toBeLessThan(before + 50);
});
