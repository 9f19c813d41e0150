import { expect, test } from "bun:test";
import { mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasMoved, isUnchanged, walkFolder } from "../../../src/library/watched/walk.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const CHANGED_S = 1_000_000;

function walk(folder: string, afterS = 10) {
  const nowMs = (CHANGED_S + afterS) * 1000;
  return walkFolder(folder, { home: join(folder, "home"), nowMs, signal: new AbortController().signal });
}

test("a walk sees regular files and folders, and neither links nor hidden names nor the home", async () => {
  await using temp = await tempFolder();
  const { path } = temp;
  await mkdir(join(path, "home"));
  await mkdir(join(path, "a/.git"), { recursive: true });
  for (const name of ["home/x", "a/y", "a/.git/z", ".hidden", "b.part", "c~", "bad\u202e.gguf"]) {
    await writeFile(join(path, name), "x");
  }
  await symlink("a/y", join(path, "link"));
  await symlink("a", join(path, "folder-link"));
  const { files, unfinished, folders, gaps } = await walk(path);
  expect(files.map((file) => file.path)).toEqual(["a/y"]);
  expect(unfinished.map((file) => file.path)).toEqual(["b.part", "c~"]);
  expect([...folders.keys()]).toEqual(["", "a"]);
  expect([...gaps].map(([place, { code }]) => [place, code])).toEqual([["bad\u202e.gguf", "BAD_PATH"]]);
});

test("a folder has moved when its time or it is another one, and as long as a change would not show", async () => {
  await using temp = await tempFolder();
  await utimes(temp.path, CHANGED_S, CHANGED_S);
  expect(await hasMoved(temp.path, await walk(temp.path), 10)).toBe(false);
  expect(await hasMoved(temp.path, await walk(temp.path, 0.01), 10)).toBe(true);
  const before = await walk(temp.path);
  await writeFile(join(temp.path, "a"), "");
  expect(await hasMoved(temp.path, before, 10)).toBe(true);
  await using other = await tempFolder();
  await utimes(other.path, CHANGED_S, CHANGED_S);
  expect(await hasMoved(other.path, before, 10)).toBe(true);
});

test("a file behind a folder that became a link is not what it was", async () => {
  await using temp = await tempFolder();
  await mkdir(join(temp.path, "a"));
  await writeFile(join(temp.path, "a/x"), "x");
  const [file] = (await walk(temp.path)).files;
  if (file === undefined) throw new Error("nothing was found");
  expect(await isUnchanged(temp.path, file)).toBe(true);
  await Bun.spawn(["sh", "-c", "mv a b && ln -s b a"], { cwd: temp.path }).exited;
  expect(await isUnchanged(temp.path, file)).toBe(false);
});
