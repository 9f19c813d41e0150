import { expect, test } from "bun:test";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, isLarderError, systemCode } from "../../src/core/index.ts";
import { openBlobStore } from "../../src/store/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { testOnTmpfs } from "../helpers/tmpfs.ts";

test("put() keeps small bytes under their digest, readable by their owner only, and leaves nothing behind", async () => {
  await using folder = await tempFolder();
  const store = await openBlobStore({ home: join(folder.path, "home") });
  const blobs = Array.from({ length: 100 }, (_, index) => pseudoRandomBytes(index + 1, 1 + index * 997));
  await Promise.all(blobs.map((bytes) => store.put(digestOf(bytes) as Digest, bytes.slice())));
  for (const bytes of blobs) {
    const { path } = store.open(digestOf(bytes) as Digest, bytes.length);
    expect(digestOf(await Bun.file(path).bytes())).toBe(digestOf(bytes));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  }
  expect(await readdir(join(folder.path, "home", "incoming"))).toEqual([]);
  await store.close();
});

test("put() of what is there already, and of nothing, is as good as the first", async () => {
  await using folder = await tempFolder();
  const store = await openBlobStore({ home: join(folder.path, "home") });
  for (const bytes of [pseudoRandomBytes(1, 10), pseudoRandomBytes(1, 10), new Uint8Array()]) {
    await store.put(digestOf(bytes) as Digest, bytes.slice());
    expect(store.open(digestOf(bytes) as Digest, bytes.length).sizeBytes).toBe(bytes.length);
  }
  await store.close();
});

/** Writes until the disk takes no more. */
async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (;;) await file.write(new Uint8Array(64 * 1024));
  } catch (error) {
    expect(systemCode(error)).toBe("ENOSPC");
  } finally {
    await file.close();
  }
}

testOnTmpfs(
  { sizeBytes: 3 * 1024 * 1024 },
  "D02: put() on a full disk says so, leaves nothing, and works after space is freed",
  async (disk) => {
    const store = await openBlobStore({ home: join(disk.path, "home") });
    const filler = join(disk.path, "filler");
    await fill(filler);
    const bytes = pseudoRandomBytes(2, 1024 * 1024);
    const failure = await store.put(digestOf(bytes) as Digest, bytes.slice()).catch((error: unknown) =>
      error
    );
    expect(isLarderError(failure, "NO_SPACE")).toBe(true);
    expect(await readdir(join(disk.path, "home", "incoming"))).toEqual([]);
    expect(store.has(digestOf(bytes) as Digest)).toBe(false);
    await Bun.file(filler).delete();
    await store.put(digestOf(bytes) as Digest, bytes.slice());
    expect(store.has(digestOf(bytes) as Digest)).toBe(true);
    await store.close();
  },
);
