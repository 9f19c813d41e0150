import { expect, test } from "bun:test";
import { appendFile, chmod, lstat, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ViewFile, viewPath } from "../../src/store/index.ts";
import { codeOf, commitBytes, digestOf, type OpenStore, openStore } from "./store-fixture.ts";

async function files(home: OpenStore, contents: Record<string, string>): Promise<ViewFile[]> {
  const made: ViewFile[] = [];
  for (const [path, text] of Object.entries(contents)) {
    made.push({ path, digest: await commitBytes(home.store, text), sizeBytes: text.length });
  }
  return made;
}

async function listed(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) =>
    join(entry.parentPath, entry.name).slice(folder.length + 1)
  )
    .toSorted();
}

test("makeView() gives blobs their real names, read-only", async () => {
  await using home = await openStore();
  const folder = await home.store.makeView(
    "acme/tiny",
    "1.0.0",
    await files(home, { "config.json": "{}", "onnx/model.onnx": "model" }),
  );
  expect(folder).toBe(join(home.home, "views/acme+tiny/1.0.0"));
  expect(await listed(folder)).toEqual(["config.json", "onnx/model.onnx"]);
  expect(await readFile(join(folder, "onnx/model.onnx"), "utf8")).toBe("model");
  expect((await lstat(join(folder, "config.json"))).mode & 0o777).toBe(0o444);
  expect((await lstat(folder)).mode & 0o777).toBe(0o700);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("a view that is asked for again stays as it is, and one with other files is replaced wholly", async () => {
  await using home = await openStore();
  const first = await files(home, { "a": "one", "b/c": "two" });
  const folder = await home.store.makeView("iris", "1", first);
  const { ino } = await lstat(folder);
  expect(await home.store.makeView("iris", "1", first)).toBe(folder);
  expect((await lstat(folder)).ino).toBe(ino);
  await home.store.makeView("iris", "1", await files(home, { "b": "three" }));
  expect(await listed(folder)).toEqual(["b"]);
});

test("D25: a view in which a consumer changed or added something is made anew", async () => {
  await using home = await openStore();
  const wanted = await files(home, { "a": "one", "b": "two" });
  const folder = await home.store.makeView("iris", "1", wanted);
  await writeFile(join(folder, "added"), "x");
  await home.store.makeView("iris", "1", wanted);
  expect(await listed(folder)).toEqual(["a", "b"]);
  await Bun.file(join(folder, "a")).delete();
  await writeFile(join(folder, "a"), "ONE");
  await home.store.makeView("iris", "1", wanted);
  expect(await readFile(join(folder, "a"), "utf8")).toBe("one");
});

test("one blob can have several names and be in several views", async () => {
  await using home = await openStore();
  const [file] = await files(home, { "a": "one" });
  if (!file) throw new Error("no file");
  for (const version of ["1", "2"]) {
    const folder = await home.store.makeView("iris", version, [file, { ...file, path: "again" }]);
    expect(await readFile(join(folder, "again"), "utf8")).toBe("one");
  }
  expect((await home.store.verify([file]))[0]?.state).toBe("intact");
});

test("D25: a blob that is a hard link to a user's file is copied into a view, and the file keeps its mode", async () => {
  await using home = await openStore();
  const source = join(home.beside, "source");
  await writeFile(source, "hello");
  await chmod(source, 0o640);
  const { digest } = await home.store.importFile(source, { mode: "hardlink" });
  const folder = await home.store.makeView("iris", "1", [{ path: "a", digest, sizeBytes: 5 }]);
  const inode = async (path: string) => (await lstat(path)).ino;
  expect(await inode(join(folder, "a"))).not.toBe(await inode(source));
  expect((await lstat(source)).mode & 0o777).toBe(0o640);
  const before = await inode(join(folder, "a"));
  await home.store.makeView("iris", "1", [{ path: "a", digest, sizeBytes: 5 }]);
  expect(await inode(join(folder, "a"))).toBe(before);
  await chmod(join(folder, "a"), 0o644);
  await appendFile(join(folder, "a"), "!");
  expect((await home.store.verify([{ digest, sizeBytes: 5 }]))[0]?.state).toBe("intact");
});

test("a blob that was linked into a view can be repaired", async () => {
  await using home = await openStore();
  const [file] = await files(home, { "a": "one" });
  if (!file) throw new Error("no file");
  const folder = await home.store.makeView("iris", "1", [file]);
  await home.store.quarantine(file.digest);
  const part = await home.store.openPart(file.digest);
  await part.commit(file.digest, 3);
  expect(await readFile(join(folder, "a"), "utf8")).toBe("one");
  expect((await lstat(home.store.blobPath(file.digest))).mode & 0o777).toBe(0o600);
});

test("a view of a blob that is missing is refused before anything changes", async () => {
  await using home = await openStore();
  const wanted = await files(home, { "a": "one" });
  const folder = await home.store.makeView("iris", "1", wanted);
  const absent = { path: "b", digest: digestOf("absent"), sizeBytes: 6 };
  expect(await codeOf(() => home.store.makeView("iris", "1", [...wanted, absent]))).toBe("BLOB_MISSING");
  expect(await listed(folder)).toEqual(["a"]);
});

test("a path that is a file and a folder at once is refused, leaving nothing behind", async () => {
  await using home = await openStore();
  const both = await files(home, { "a": "one", "a/b": "two" });
  expect(await codeOf(() => home.store.makeView("iris", "1", both))).toBe("BAD_PATH");
  expect(await codeOf(() => home.store.makeView("iris", "1", both.toReversed()))).toBe("BAD_PATH");
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("removeView() removes the folder, and the model's with the last one", async () => {
  await using home = await openStore();
  const wanted = await files(home, { "a": "one" });
  await home.store.makeView("iris", "1", wanted);
  await home.store.makeView("iris", "2", wanted);
  await home.store.removeView("iris", "1");
  await home.store.removeView("iris", "1");
  expect(await readdir(join(home.home, "views/iris"))).toEqual(["2"]);
  await home.store.removeView("iris", "2");
  expect(existsSync(join(home.home, "views/iris"))).toBe(false);
});

test("views of one model made and removed at the same time do not disturb each other", async () => {
  await using home = await openStore();
  const wanted = await files(home, { "a": "one", "b": "two" });
  await Promise.all(Array.from({ length: 20 }, async (_, index) => {
    const version = String(index % 4);
    if (index % 3 === 0) await home.store.removeView("iris", version);
    else await home.store.makeView("iris", version, wanted);
  }));
  for (const version of ["0", "1", "2", "3"]) {
    expect(await listed(await home.store.makeView("iris", version, wanted))).toEqual(["a", "b"]);
  }
});

test("D23: a link in the place of a model's view folder is refused", async () => {
  await using home = await openStore();
  const wanted = await files(home, { "a": "one" });
  await mkdir(join(home.beside, "target"));
  Bun.spawnSync(["ln", "-s", join(home.beside, "target"), join(home.home, "views/iris")]);
  expect(await codeOf(() => home.store.makeView("iris", "1", wanted))).toBe("UNSAFE_PATH");
  expect(await readdir(join(home.beside, "target"))).toEqual([]);
});

test("M10: names that a file system could take another way are escaped in a view, others are kept", async () => {
  const expected: Record<string, string> = {
    "model.onnx": "model.onnx",
    "a/b c/d.e-f_g+h,i@j": "a/b c/d.e-f_g+h,i@j",
    "CON": "%43ON",
    "NUL.txt": "%4EUL.txt",
    "dir/com1.tar.gz": "dir/%63om1.tar.gz",
    "LPT¹": "%4CPT¹",
    "conin$": "%63onin$",
    "console": "console",
    "COM10": "COM10",
    "a:b": "a%3Ab",
    "trailing.": "trailing%2E",
    "trailing ": "trailing%20",
    "dots...": "dots..%2E",
    "PROGRA~1": "PROGRA%7E1",
    "~tilde~": "~tilde~",
    'q?*<>|"': "q%3F%2A%3C%3E%7C%22",
    "back\\slash": "back%5Cslash",
    "100%": "100%25",
    "%43ON": "%2543ON",
    ".hidden": ".hidden",
    "CON./x": "CON%2E/x",
    "名前.bin": "名前.bin",
  };
  for (const [path, escaped] of Object.entries(expected)) {
    expect([path, viewPath(path)]).toEqual([path, escaped]);
  }
  expect(new Set(Object.values(expected)).size).toBe(Object.keys(expected).length);
  await using home = await openStore();
  const contents = Object.fromEntries(Object.keys(expected).map((path) => [path, `bytes of ${path}`]));
  const wanted: ViewFile[] = [];
  for (const [path, text] of Object.entries(contents)) {
    wanted.push({ path, digest: await commitBytes(home.store, text), sizeBytes: Buffer.byteLength(text) });
  }
  const folder = await home.store.makeView("iris", "1", wanted);
  for (const [path, text] of Object.entries(contents)) {
    expect(await readFile(join(folder, viewPath(path)), "utf8")).toBe(text);
  }
});

test("M10: a name that is too long when it is escaped is cut and stays different from others", () => {
  const long = (end: string) => `${":".repeat(200)}${end}`;
  expect(Buffer.byteLength(viewPath(long("a")))).toBeLessThanOrEqual(255);
  expect(viewPath(long("a"))).not.toBe(viewPath(long("b")));
  expect(viewPath("x".repeat(255))).toBe("x".repeat(255));
});

test("trimView() takes files out, with folders that are empty then, and leaves the others where they are", async () => {
  await using home = await openStore();
  const made = await files(home, {
    "config.json": "{}",
    "onnx/q4/model.onnx": "q4",
    "onnx/q8/model.onnx": "q8",
  });
  const folder = await home.store.makeView("acme/tiny", "1.0.0", made);
  const before = await lstat(join(folder, "onnx/q8/model.onnx"));
  await home.store.trimView("acme/tiny", "1.0.0", ["onnx/q4/model.onnx", "never/there"]);
  expect(await listed(folder)).toEqual(["config.json", "onnx/q8/model.onnx"]);
  expect(await readdir(join(folder, "onnx"))).toEqual(["q8"]);
  expect((await lstat(join(folder, "onnx/q8/model.onnx"))).ino).toBe(before.ino);
  const kept = made.filter(({ path }) => path !== "onnx/q4/model.onnx");
  expect(await home.store.makeView("acme/tiny", "1.0.0", kept)).toBe(folder);
  expect((await lstat(join(folder, "onnx/q8/model.onnx"))).ino).toBe(before.ino);
});

test("trimView() of what has no view is fine", async () => {
  await using home = await openStore();
  await home.store.trimView("acme/tiny", "1.0.0", ["config.json"]);
});
