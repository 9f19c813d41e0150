import { expect, test } from "bun:test";
import {
  appendFile,
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { parseDigest } from "../../src/core/index.ts";
import { openBlobStore } from "../../src/store/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { codeOf, commitBytes, openStore } from "./store-fixture.ts";

const ABSENT = parseDigest("0".repeat(64));
const HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

test("open() gives the path of a committed blob, named by its digest", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  expect(String(digest)).toBe(HELLO);
  const opened = home.store.open(digest, 5);
  expect(opened.path).toBe(join(home.home, "blobs/sha256/2c", HELLO));
  expect(await readFile(opened.path, "utf8")).toBe("hello");
  expect(home.store.has(digest)).toBe(true);
  expect(home.store.has(ABSENT)).toBe(false);
});

test("read() gives a range of a blob, end excluded", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  expect(Buffer.from(home.store.read(digest, 5, { start: 1, end: 4 })).toString()).toBe("ell");
  expect(home.store.read(digest, 5, { start: 5, end: 5 }).byteLength).toBe(0);
  expect(await codeOf(() => home.store.read(digest, 5, { start: 3, end: 9 }))).toBe("BAD_RANGE");
});

test("a store opened again has the blobs of before, and scan() lists them", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  await writeFile(join(home.home, "blobs/sha256/2c/not-a-blob"), "x");
  await home.store.close();
  const again = await openBlobStore({ home: home.home });
  expect(await Array.fromAsync(again.scan())).toEqual([{ digest, sizeBytes: 5 }]);
  await again.close();
});

test("D16: a blob that was cut, or has 0 bytes, is refused as damaged", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  for (const length of [4, 0]) {
    await truncate(home.store.blobPath(digest), length);
    expect(await codeOf(() => home.store.open(digest, 5))).toBe("BLOB_DAMAGED");
    expect(await codeOf(() => home.store.read(digest, 5, { start: 0, end: 5 }))).toBe("BLOB_DAMAGED");
  }
});

test("D17: a blob that grew is refused as damaged", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  await appendFile(home.store.blobPath(digest), "!");
  expect(await codeOf(() => home.store.open(digest, 5))).toBe("BLOB_DAMAGED");
});

test("D18: a blob that is not there is BLOB_MISSING", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  await unlink(home.store.blobPath(digest));
  expect(await codeOf(() => home.store.open(digest, 5))).toBe("BLOB_MISSING");
  expect(await codeOf(() => home.store.open(ABSENT, 1))).toBe("BLOB_MISSING");
});

test("D22: a home that was removed or replaced is STORE_GONE for every use", async () => {
  for (const replaced of ["by nothing", "by a folder", "by another home"]) {
    await using home = await openStore();
    const digest = await commitBytes(home.store, "hello");
    const part = await home.store.openPart(ABSENT);
    await writeFile(part.path, "abc");
    if (replaced === "by nothing") await rm(home.home, { recursive: true });
    else await rename(home.home, join(home.beside, "moved"));
    if (replaced === "by a folder") await mkdir(home.home);
    if (replaced === "by another home") await (await openBlobStore({ home: home.home })).close();
    const uses: Record<string, () => unknown> = {
      open: () => home.store.open(digest, 5),
      read: () => home.store.read(digest, 5, { start: 0, end: 5 }),
      scan: () => Array.fromAsync(home.store.scan()),
      openPart: () => home.store.openPart(digest),
      commit: () => part.commit(ABSENT, 3),
      reserve: () => home.store.reserve(1),
      writeManifest: () => home.store.writeManifest("iris", "1.0.0", {}),
      sweep: () => home.store.sweep({ alive: new Set(), aliveParts: new Set(), graceS: 0, dryRun: false }),
    };
    for (const [name, use] of Object.entries(uses)) {
      expect([replaced, name, await codeOf(use)]).toEqual([replaced, name, "STORE_GONE"]);
    }
    expect(home.store.problems()).toMatchObject([{ part: "store" }]);
  }
});

test("D23: a link in the place of a blob is UNSAFE_PATH, and its target is not touched", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  const target = join(home.beside, "target");
  await writeFile(target, "hello");
  await unlink(home.store.blobPath(digest));
  await symlink(target, home.store.blobPath(digest));
  expect(await codeOf(() => home.store.open(digest, 5))).toBe("UNSAFE_PATH");
  expect(await codeOf(() => home.store.read(digest, 5, { start: 0, end: 5 }))).toBe("UNSAFE_PATH");
  expect(home.store.has(digest)).toBe(false);
  expect(await codeOf(() => home.store.quarantine(digest))).toBe("UNSAFE_PATH");
  await commitBytes(home.store, "hello");
  expect(home.store.open(digest, 5).sizeBytes).toBe(5);
  expect(await readFile(target, "utf8")).toBe("hello");
  expect((await lstat(home.store.blobPath(digest))).isFile()).toBe(true);
});

test("D23: a link in the place of the home or one of its folders stops the start, and its target is not touched", async () => {
  for (const folder of ["", "blobs", "blobs/sha256", "blobs/sha256/ab", "incoming", "manifests", "views"]) {
    await using temp = await tempFolder();
    const home = join(temp.path, "home");
    const target = join(temp.path, "target");
    await mkdir(target, { mode: 0o755 });
    await chmod(target, 0o755);
    if (folder !== "") await (await openBlobStore({ home })).close();
    const path = join(home, folder);
    await rm(path, { recursive: true, force: true });
    await symlink(target, path);
    expect([folder, await codeOf(() => openBlobStore({ home }))]).toEqual([folder, "UNSAFE_PATH"]);
    expect(await readdir(target)).toEqual([]);
    expect((await lstat(target)).mode & 0o777).toBe(0o755);
  }
});

test("D24: a pipe, a device or a folder in the place of a blob is refused at once", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  const path = home.store.blobPath(digest);
  const plants: Record<string, () => unknown> = {
    pipe: () => Bun.spawnSync(["mkfifo", path]),
    folder: () => mkdir(path),
    ...(process.getuid?.() === 0 ? { device: () => Bun.spawnSync(["mknod", path, "c", "1", "3"]) } : {}),
  };
  for (const [name, plant] of Object.entries(plants)) {
    await rm(path, { recursive: true });
    await plant();
    expect([name, await codeOf(() => home.store.open(digest, 5))]).toEqual([name, "UNSAFE_PATH"]);
    expect([name, await codeOf(() => home.store.read(digest, 5, { start: 0, end: 5 }))]).toEqual([
      name,
      "UNSAFE_PATH",
    ]);
    const [outcome] = await home.store.verify([{ digest, sizeBytes: 5 }]);
    expect([name, outcome?.state]).toEqual([name, "damaged"]);
  }
}, 10_000);

test("C06: who reads a blob while it is removed reads to the end", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  const fd = openSync(home.store.open(digest, 5).path, "r");
  await home.store.remove(digest);
  expect(await codeOf(() => home.store.open(digest, 5))).toBe("BLOB_MISSING");
  const buffer = Buffer.alloc(5);
  readSync(fd, buffer);
  closeSync(fd);
  expect(buffer.toString()).toBe("hello");
  await home.store.remove(digest);
});

test("remove() leaves a pinned blob alone", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  const unpin = [home.store.pin(digest), home.store.pin(digest)];
  unpin[0]?.();
  unpin[0]?.();
  await home.store.remove(digest);
  expect(home.store.has(digest)).toBe(true);
  unpin[1]?.();
  await home.store.remove(digest);
  expect(home.store.has(digest)).toBe(false);
});

test("S19: folders are 0700 and files 0600, whatever the umask is", async () => {
  const modes = async (path: string) => ((await lstat(path)).mode & 0o777).toString(8);
  for (const umask of [0o000, 0o277]) {
    const before = process.umask(umask);
    try {
      await using temp = await tempFolder();
      const home = join(temp.path, "new", "home");
      await mkdir(join(temp.path, "new"), { recursive: true });
      await chmod(join(temp.path, "new"), 0o700);
      const store = await openBlobStore({ home });
      const digest = await commitBytes(store, "hello");
      const part = await store.openPart(ABSENT);
      await store.writeManifest("acme/tiny", "1.0.0", {});
      const folders = [
        "",
        "blobs",
        "blobs/sha256",
        "blobs/sha256/00",
        "blobs/sha256/ff",
        "incoming",
        "manifests",
      ];
      for (const folder of [...folders, "views", "manifests/acme+tiny"]) {
        expect([folder, await modes(join(home, folder))]).toEqual([folder, "700"]);
      }
      const files = [store.blobPath(digest), part.path, part.path.replace(".part", ".journal")];
      for (const file of [...files, join(home, "manifests/acme+tiny/1.0.0.json")]) {
        expect([file, await modes(file)]).toEqual([file, "600"]);
      }
      await store.close();
    } finally {
      process.umask(before);
    }
  }
});

test("S19: a home that others could read is closed to them", async () => {
  await using temp = await tempFolder();
  const home = join(temp.path, "home");
  await mkdir(home);
  await chmod(home, 0o755);
  await (await openBlobStore({ home })).close();
  expect((await lstat(home)).mode & 0o777).toBe(0o700);
});
