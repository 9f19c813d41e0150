import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { refuseInexactNames } from "../../src/store/hub-names.ts";
import type { HubViewFile } from "../../src/store/index.ts";
import { codeOf, commitBytes, digestOf, errorOf, type OpenStore, openStore } from "./store-fixture.ts";

const FIRST = "1111111111111111111111111111111111111111";
const SECOND = "2222222222222222222222222222222222222222";
/** `printf '{}' | git hash-object --stdin` */
const GIT_OID_OF_BRACES = "9e26dfeeb6e641a33dae4961196235bdb965b21b";

async function file(home: OpenStore, path: string, text: string, gitOid?: string): Promise<HubViewFile> {
  const digest = await commitBytes(home.store, text);
  return { path, digest, sizeBytes: text.length, ...(gitOid === undefined ? {} : { gitOid }) };
}

/** Everything below a folder that is no folder: links as `path -> text`. */
async function listed(folder: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) found.push(...await listed(folder, path));
    else if (entry.isSymbolicLink()) found.push(`${path} -> ${await readlink(join(folder, path))}`);
    else found.push(path);
  }
  return found.sort();
}

/** Where the file system has no reflinks, shared bytes are one file with several names. */
async function expectShared(path: string, blob: string): Promise<void> {
  const clone = `${path}.clone`;
  const mode = constants.COPYFILE_FICLONE_FORCE;
  const canClone = await errorOf(() => copyFile(blob, clone, mode)) === undefined;
  await rm(clone, { force: true });
  const [one, other] = [await lstat(path), await lstat(blob)];
  if (!canClone) expect([one.ino, one.nlink > 1]).toEqual([other.ino, true]);
}

test("makeHubView() lays a version out as the hub's own tools do, without a second copy", async () => {
  await using home = await openStore();
  const files = [
    await file(home, "config.json", "{}", GIT_OID_OF_BRACES),
    await file(home, "onnx/a/model.onnx", "model"),
  ];
  const view = await home.store.makeHubView("acme/tiny", FIRST, { files, refs: ["main", "v1.0"] });
  const model = digestOf("model");
  expect(view.cacheFolder).toBe(join(home.home, "hub-cache"));
  expect(view.snapshotFolder).toBe(join(home.home, `hub-cache/models--acme--tiny/snapshots/${FIRST}`));
  expect(await listed(view.cacheFolder)).toEqual([
    `models--acme--tiny/blobs/${model}`,
    `models--acme--tiny/blobs/${GIT_OID_OF_BRACES}`,
    "models--acme--tiny/refs/main",
    "models--acme--tiny/refs/v1.0",
    `models--acme--tiny/snapshots/${FIRST}/config.json -> ../../blobs/${GIT_OID_OF_BRACES}`,
    `models--acme--tiny/snapshots/${FIRST}/onnx/a/model.onnx -> ../../../../blobs/${model}`,
  ].sort());
  expect(await readFile(join(view.snapshotFolder, "onnx/a/model.onnx"), "utf8")).toBe("model");
  expect(await readFile(join(view.snapshotFolder, "config.json"), "utf8")).toBe("{}");
  expect(await readFile(join(view.cacheFolder, "models--acme--tiny/refs/main"), "utf8")).toBe(FIRST);
  await expectShared(
    join(view.cacheFolder, `models--acme--tiny/blobs/${model}`),
    home.store.blobPath(model),
  );
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("a hub view has the folder name of the repository's kind", async () => {
  await using home = await openStore();
  const content = { files: [await file(home, "a", "one")], refs: [] };
  const names: Record<string, string> = {
    "gpt2": "models--gpt2",
    "acme/Tiny_1.5-b": "models--acme--Tiny_1.5-b",
    "datasets/acme/texts": "datasets--acme--texts",
    "datasets/squad": "datasets--squad",
    "spaces/acme/demo": "spaces--acme--demo",
  };
  for (const [model, folder] of Object.entries(names)) {
    const { snapshotFolder } = await home.store.makeHubView(model, FIRST, content);
    expect(snapshotFolder).toBe(join(home.home, "hub-cache", folder, "snapshots", FIRST));
  }
});

test("a version that is no commit gets a snapshot named by the first 40 digits of its SHA-256", async () => {
  await using home = await openStore();
  const content = { files: [await file(home, "a", "one")], refs: ["1.2.0"] };
  const { cacheFolder } = await home.store.makeHubView("iris", "1.2.0", content);
  const digits = createHash("sha256").update("1.2.0").digest("hex").slice(0, 40);
  expect(await readdir(join(cacheFolder, "models--iris/snapshots"))).toEqual([digits]);
  expect(await readFile(join(cacheFolder, "models--iris/refs/1.2.0"), "utf8")).toBe(digits);
});

test("models that no hub could have are refused, so that two never share a folder", async () => {
  await using home = await openStore();
  const content = { files: [await file(home, "a", "one")], refs: [] };
  for (const model of ["acme--tiny", "acme/my--model", "acme-/tiny", "a/b/c", "datasets/a/b--c"]) {
    const code = await codeOf(() => home.store.makeHubView(model, FIRST, content));
    expect([model, code]).toEqual([model, "BAD_NAME"]);
    await home.store.removeView(model, FIRST);
  }
  expect(existsSync(join(home.home, "hub-cache"))).toBe(false);
});

test("a snapshot that is there is completed and put right, and what others put there stays", async () => {
  await using home = await openStore();
  const config = await file(home, "config.json", "{}", GIT_OID_OF_BRACES);
  const { snapshotFolder, cacheFolder } = await home.store.makeHubView("acme/tiny", FIRST, {
    files: [config],
    refs: ["main"],
  });
  const repo = join(cacheFolder, "models--acme--tiny");
  await writeFile(join(repo, "blobs", digestOf("foreign")), "foreign");
  await symlink(`../../blobs/${digestOf("foreign")}`, join(snapshotFolder, "foreign.bin"));
  await mkdir(join(repo, "snapshots", SECOND));
  await unlink(join(snapshotFolder, "config.json"));
  await symlink("/etc/hostname", join(snapshotFolder, "config.json"));
  await rm(join(repo, "blobs", GIT_OID_OF_BRACES));
  await writeFile(join(repo, "blobs", GIT_OID_OF_BRACES), "[]");
  await writeFile(join(repo, "refs/main"), SECOND);
  await mkdir(join(cacheFolder, "models--acme--other"));

  const files = [config, await file(home, "sub/more.json", "more")];
  await home.store.makeHubView("acme/tiny", FIRST, { files, refs: ["main"] });
  expect(await readFile(join(snapshotFolder, "config.json"), "utf8")).toBe("{}");
  expect(await readFile(join(snapshotFolder, "sub/more.json"), "utf8")).toBe("more");
  expect(await readFile(join(snapshotFolder, "foreign.bin"), "utf8")).toBe("foreign");
  expect(await readFile(join(repo, "refs/main"), "utf8")).toBe(FIRST);
  expect((await readdir(join(repo, "snapshots"))).toSorted()).toEqual([FIRST, SECOND]);
  expect((await readdir(cacheFolder)).toSorted()).toEqual(["models--acme--other", "models--acme--tiny"]);
});

test("a hub view that is as it should be is left alone", async () => {
  await using home = await openStore();
  const content = { files: [await file(home, "a/b", "one")], refs: ["main"] };
  const { snapshotFolder, cacheFolder } = await home.store.makeHubView("iris", FIRST, content);
  const inodes = async () =>
    await Promise.all(
      [
        join(snapshotFolder, "a/b"),
        join(cacheFolder, "models--iris/blobs", digestOf("one")),
        join(cacheFolder, "models--iris/refs/main"),
      ].map(async (path) => (await lstat(path)).ino),
    );
  const before = await inodes();
  await home.store.makeHubView("iris", FIRST, content);
  expect(await inodes()).toEqual(before);
});

test("removeView() takes a version's snapshot, refs and blobs, and leaves what another snapshot has", async () => {
  await using home = await openStore();
  const [shared, own, other] = [
    await file(home, "shared", "shared"),
    await file(home, "own", "own"),
    await file(home, "deep/other", "other"),
  ];
  await home.store.makeHubView("acme/tiny", FIRST, { files: [shared, own], refs: ["old"] });
  const { cacheFolder } = await home.store.makeHubView("acme/tiny", SECOND, {
    files: [{ ...shared, path: "deep/shared" }, other],
    refs: ["main"],
  });
  await home.store.removeView("acme/tiny", FIRST);
  expect(await listed(cacheFolder)).toEqual([
    `models--acme--tiny/blobs/${digestOf("shared")}`,
    `models--acme--tiny/blobs/${digestOf("other")}`,
    "models--acme--tiny/refs/main",
    `models--acme--tiny/snapshots/${SECOND}/deep/other -> ../../../blobs/${digestOf("other")}`,
    `models--acme--tiny/snapshots/${SECOND}/deep/shared -> ../../../blobs/${digestOf("shared")}`,
  ].sort());
  await home.store.removeView("acme/tiny", FIRST);
  await home.store.removeView("acme/tiny", SECOND);
  expect(await readdir(cacheFolder)).toEqual([]);
  expect(await readFile(home.store.blobPath(shared.digest), "utf8")).toBe("shared");
});

test("a blob that is a hard link to a user's file is linked once more, and the file keeps its mode", async () => {
  await using home = await openStore();
  const source = join(home.beside, "source");
  await writeFile(source, "hello");
  await chmod(source, 0o640);
  const { digest } = await home.store.importFile(source, { mode: "hardlink" });
  const files = [{ path: "a", digest, sizeBytes: 5 }];
  const { cacheFolder } = await home.store.makeHubView("iris", FIRST, { files, refs: [] });
  await expectShared(join(cacheFolder, "models--iris/blobs", digest), source);
  expect((await lstat(source)).mode & 0o777).toBe(0o640);
});

test("a hub view of a blob that is missing is refused before anything is made", async () => {
  await using home = await openStore();
  const files = [await file(home, "a", "one"), { path: "b", digest: digestOf("absent"), sizeBytes: 6 }];
  expect(await codeOf(() => home.store.makeHubView("iris", FIRST, { files, refs: [] }))).toBe("BLOB_MISSING");
  expect(existsSync(join(home.home, "hub-cache"))).toBe(false);
});

test("a path that is a file and a folder at once is refused, and no snapshot appears", async () => {
  await using home = await openStore();
  const both = [await file(home, "a", "one"), await file(home, "a/b", "two")];
  for (const files of [both, both.toReversed()]) {
    expect(await codeOf(() => home.store.makeHubView("iris", FIRST, { files, refs: ["main"] }))).toBe(
      "BAD_PATH",
    );
  }
  expect(await readdir(join(home.home, "hub-cache/models--iris/snapshots"))).toEqual([]);
  expect(await readdir(join(home.home, "hub-cache/models--iris/refs"))).toEqual([]);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("names that Windows would take another way are refused there, and kept elsewhere", async () => {
  const digest = digestOf("x");
  for (const path of ["a:b", "CON.json", "trailing.", 'q?*<>|"', "100%"]) {
    const files = [{ path, digest, sizeBytes: 1 }];
    expect(await codeOf(async () => refuseInexactNames(files, "win32"))).toBe("BAD_PATH");
    expect(await codeOf(async () => refuseInexactNames(files, "linux"))).toBeUndefined();
  }
  const plain = [{ path: "onnx/model_q4f16.onnx", digest, sizeBytes: 1 }];
  expect(await codeOf(async () => refuseInexactNames(plain, "win32"))).toBeUndefined();
});

test("D23: a link in the place of a folder of the hub cache is refused, and nothing is written behind it", async () => {
  await using home = await openStore();
  const content = { files: [await file(home, "sub/a", "one")], refs: ["main"] };
  const { snapshotFolder, cacheFolder } = await home.store.makeHubView("iris", FIRST, content);
  const outside = join(home.beside, "outside");
  await mkdir(outside);
  const repo = join(cacheFolder, "models--iris");
  for (const folder of [join(snapshotFolder, "sub"), join(repo, "blobs"), join(repo, "refs"), repo]) {
    await rm(folder, { recursive: true });
    await symlink(outside, folder);
    expect(await codeOf(() => home.store.makeHubView("iris", FIRST, content))).toBe("UNSAFE_PATH");
    await rm(folder);
    await home.store.makeHubView("iris", FIRST, content);
  }
  expect(await readdir(outside)).toEqual([]);
});

test("removeView() follows no link that was put into the hub cache", async () => {
  await using home = await openStore();
  const { cacheFolder } = await home.store.makeHubView("iris", FIRST, {
    files: [await file(home, "a", "one")],
    refs: ["main"],
  });
  const outside = join(home.beside, "outside");
  await mkdir(join(outside, "snapshots", FIRST), { recursive: true });
  await rm(join(cacheFolder, "models--iris"), { recursive: true });
  await symlink(outside, join(cacheFolder, "models--iris"));
  await home.store.removeView("iris", FIRST);
  expect(await readdir(join(outside, "snapshots"))).toEqual([FIRST]);
});

test("hub views of one model made and removed at the same time do not disturb each other", async () => {
  await using home = await openStore();
  const content = { files: [await file(home, "a", "one"), await file(home, "b/c", "two")], refs: [] };
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const version = index % 2 === 0 ? FIRST : SECOND;
    if (index % 3 === 0) await home.store.removeView("iris", version);
    else await home.store.makeHubView("iris", version, content);
  }));
  for (const version of [FIRST, SECOND]) {
    const { snapshotFolder } = await home.store.makeHubView("iris", version, content);
    expect(await readFile(join(snapshotFolder, "b/c"), "utf8")).toBe("two");
  }
});

test("trimView() takes links out, and the blobs that no other snapshot has", async () => {
  await using home = await openStore();
  const shared = await file(home, "config.json", "{}", GIT_OID_OF_BRACES);
  const [q4, q8] = [await file(home, "q4/model.onnx", "q4"), await file(home, "q8/model.onnx", "q8")];
  const view = await home.store.makeHubView("acme/tiny", FIRST, { files: [shared, q4, q8], refs: ["main"] });
  await home.store.makeHubView("acme/tiny", SECOND, { files: [shared], refs: [] });
  await home.store.trimView("acme/tiny", FIRST, ["config.json", "q4/model.onnx"]);
  expect(await listed(view.snapshotFolder)).toEqual([`q8/model.onnx -> ../../../blobs/${q8.digest}`]);
  const blobs = await readdir(join(view.cacheFolder, "models--acme--tiny", "blobs"));
  expect(blobs.sort()).toEqual([GIT_OID_OF_BRACES, q8.digest].sort());
});

test("trimView() follows no links that others put there", async () => {
  await using home = await openStore();
  const view = await home.store.makeHubView("acme/tiny", FIRST, {
    files: [await file(home, "config.json", "{}", GIT_OID_OF_BRACES)],
    refs: [],
  });
  const outside = join(home.beside, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "model.onnx"), "a user's own");
  await symlink(outside, join(view.snapshotFolder, "q4"));
  await home.store.trimView("acme/tiny", FIRST, ["q4/model.onnx"]);
  expect(await readFile(join(outside, "model.onnx"), "utf8")).toBe("a user's own");
  expect(await readlink(join(view.snapshotFolder, "q4"))).toBe(outside);
});
