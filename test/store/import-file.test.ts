import { expect, test } from "bun:test";
import { chmod, lstat, mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { ImportMode } from "../../src/store/index.ts";
import {
  CHUNK,
  chunkDigestsOf,
  codeOf,
  commitBytes,
  digestOf,
  errorOf,
  openStore,
  testBytes,
} from "./store-fixture.ts";

test("importFile() copies a file in, with its digest and chunk digests, and leaves the source as it was", async () => {
  await using home = await openStore();
  const bytes = testBytes(2 * CHUNK + 100);
  const source = join(home.beside, "source");
  await writeFile(source, bytes);
  await chmod(source, 0o644);
  let bytesDone = 0;
  const imported = await home.store.importFile(source, {
    mode: "copy",
    onProgress: (done) => bytesDone = done,
  });
  expect(imported).toMatchObject({ digest: digestOf(bytes), sizeBytes: bytes.byteLength, mode: "copy" });
  expect(Buffer.compare(imported.chunkDigests, chunkDigestsOf(bytes))).toBe(0);
  expect(bytesDone).toBe(bytes.byteLength);
  const blob = home.store.open(imported.digest, imported.sizeBytes);
  expect(Buffer.compare(await readFile(blob.path), bytes)).toBe(0);
  expect((await lstat(blob.path)).mode & 0o777).toBe(0o600);
  expect((await lstat(source)).mode & 0o777).toBe(0o644);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("D27: auto shares the bytes where the file system can, else copies, and never links", async () => {
  await using home = await openStore();
  const source = join(home.beside, "source");
  await writeFile(source, "hello");
  const imported = await home.store.importFile(source, { mode: "auto" });
  expect(["reflink", "copy"]).toContain(imported.mode);
  const blob = await lstat(home.store.blobPath(imported.digest));
  expect([blob.nlink, blob.mode & 0o777]).toEqual([1, 0o600]);
  await writeFile(source, "HELLO");
  expect(await readFile(home.store.blobPath(imported.digest), "utf8")).toBe("hello");
});

test("hardlink gives the source's own bytes a second name, when asked to", async () => {
  await using home = await openStore();
  const source = join(home.beside, "source");
  await writeFile(source, "hello");
  const imported = await home.store.importFile(source, { mode: "hardlink" });
  expect(imported.mode).toBe("hardlink");
  expect((await lstat(home.store.blobPath(imported.digest))).ino).toBe((await lstat(source)).ino);
});

test("a file of another file system is copied in auto, and refused in hardlink", async () => {
  await using home = await openStore();
  const source = `/dev/shm/larder-test-${process.pid}-${Date.now()}`;
  if (await errorOf(() => writeFile(source, "hello"))) return;
  try {
    expect(await codeOf(() => home.store.importFile(source, { mode: "hardlink" }))).toBe("BAD_SOURCE");
    expect((await home.store.importFile(source, { mode: "auto" })).mode).toBe("copy");
  } finally {
    await Bun.file(source).delete();
  }
});

test("a file whose bytes are stored already is present, and takes no second place", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  const { ino } = await lstat(home.store.blobPath(digest));
  const source = join(home.beside, "source");
  await writeFile(source, "hello");
  for (const options of [{}, { expected: digest }]) {
    for (const mode of ["auto", "copy", "hardlink"] as const) {
      expect((await home.store.importFile(source, { mode, ...options })).mode).toBe("present");
    }
  }
  expect((await lstat(home.store.blobPath(digest))).ino).toBe(ino);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("importing the right bytes replaces a blob of the wrong length", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  await truncate(home.store.blobPath(digest), 2);
  const source = join(home.beside, "source");
  await writeFile(source, "hello");
  expect((await home.store.importFile(source, { mode: "copy", expected: digest })).mode).toBe("copy");
  expect(home.store.open(digest, 5).sizeBytes).toBe(5);
});

test("a file that is not what is expected is DIGEST_MISMATCH and leaves nothing behind", async () => {
  await using home = await openStore();
  const source = join(home.beside, "source");
  await writeFile(source, "hello");
  const present = await commitBytes(home.store, "present");
  for (const expected of [digestOf("other"), present]) {
    for (const mode of ["auto", "copy", "hardlink"] as const) {
      const code = await codeOf(() => home.store.importFile(source, { mode, expected }));
      expect([mode, code]).toEqual([mode, "DIGEST_MISMATCH"]);
    }
  }
  expect((await Array.fromAsync(home.store.scan())).map(({ digest }) => digest)).toEqual([present]);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("D24: a link, a pipe, a folder, a device or nothing is BAD_SOURCE at once", async () => {
  await using home = await openStore();
  const at = (name: string) => join(home.beside, name);
  await writeFile(at("file"), "hello");
  await symlink(at("file"), at("link"));
  await mkdir(at("folder"));
  Bun.spawnSync(["mkfifo", at("pipe")]);
  for (const path of [at("link"), at("folder"), at("pipe"), "/dev/zero", at("nothing"), at("file/below")]) {
    for (const mode of ["auto", "reflink", "hardlink", "copy"] satisfies ImportMode[]) {
      expect([path, await codeOf(() => home.store.importFile(path, { mode }))]).toEqual([path, "BAD_SOURCE"]);
    }
  }
}, 10_000);

test("a source that changes while it is copied is stored under the digest of what was stored", async () => {
  await using home = await openStore();
  const bytes = testBytes(40 * CHUNK);
  const source = join(home.beside, "source");
  await writeFile(source, bytes);
  const fd = openSync(source, "r+");
  let isChanged = false;
  const imported = await home.store.importFile(source, {
    mode: "copy",
    onProgress: () => {
      if (!isChanged) { for (let chunk = 0; chunk < 40; chunk++) writeSync(fd, "changed", chunk * CHUNK); }
      isChanged = true;
    },
  });
  expect(digestOf(await readFile(home.store.blobPath(imported.digest)))).toBe(imported.digest);
});

test("an import that is aborted ends with the reason and leaves nothing behind", async () => {
  await using home = await openStore();
  const source = join(home.beside, "source");
  await writeFile(source, "");
  await truncate(source, 1024 * 1024 * 1024);
  const stop = new AbortController();
  const reason = new Error("enough");
  const error = await errorOf(() =>
    home.store.importFile(source, { mode: "copy", signal: stop.signal, onProgress: () => stop.abort(reason) })
  );
  expect(error).toBe(reason);
  expect(await Array.fromAsync(home.store.scan())).toEqual([]);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
  expect((await home.store.space()).reservedBytes).toBe(0);
}, 20_000);

test(
  "an import while others remove the same bytes again and again ends with the blob there to be pinned",
  async () => {
    await using home = await openStore();
    const path = join(home.beside, "source");
    await writeFile(path, "the same bytes");
    const digest = digestOf("the same bytes");
    for (let round = 0; round < 20; round++) {
      let isOver = false;
      const removing = (async () => {
        while (!isOver) {
          await home.store.remove(digest);
          await Bun.sleep(0);
        }
      })();
      await home.store.importFile(path, { mode: "copy", ...(round % 2 === 0 ? {} : { expected: digest }) });
      const unpin = home.store.pin(digest);
      await Bun.sleep(2);
      expect([round, home.store.has(digest)]).toEqual([round, true]);
      isOver = true;
      await removing;
      unpin();
    }
  },
  20_000,
);
