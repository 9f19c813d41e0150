import { expect, test } from "bun:test";
import {
  link,
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
import { existsSync, ftruncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { codeOf, commitBytes, digestOf, errorOf, openStore, testBytes } from "./store-fixture.ts";

const UNKNOWN = `u-${"a".repeat(64)}`;

test("a part keeps its bytes and its journal for the next process", async () => {
  await using home = await openStore();
  const part = await home.store.openPart(UNKNOWN);
  writeSync(part.fd, "abc", 0);
  writeSync(part.journalFd, "one\n");
  await part.close();
  const again = await home.store.openPart(UNKNOWN);
  writeSync(again.journalFd, "two\n");
  writeSync(again.fd, "d", 3);
  expect(await readFile(again.path, "utf8")).toBe("abcd");
  expect(await readFile(again.path.replace(".part", ".journal"), "utf8")).toBe("one\ntwo\n");
  await again.commit(digestOf("abcd"), 4);
  expect(await readFile(home.store.blobPath(digestOf("abcd")), "utf8")).toBe("abcd");
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("discard() deletes part and journal", async () => {
  await using home = await openStore();
  const part = await home.store.openPart(UNKNOWN);
  await part.discard();
  await part.discard();
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("openPart() takes keys only, and one opener at a time", async () => {
  await using home = await openStore();
  for (const key of ["", "../x", "A".repeat(64), "u-1", `${"a".repeat(64)}/..`, `x-${"a".repeat(32)}`]) {
    expect([key, await codeOf(() => home.store.openPart(key))]).toEqual([key, "BAD_DIGEST"]);
  }
  const part = await home.store.openPart(UNKNOWN);
  expect(await codeOf(() => home.store.openPart(UNKNOWN))).toBe("BUSY");
  await part.close();
  await (await home.store.openPart(UNKNOWN)).discard();
});

test("D21: a part that was deleted, or replaced, while it was written is not committed", async () => {
  await using home = await openStore();
  const digest = digestOf("abc");
  const changes: Record<string, (path: string) => unknown> = {
    deleted: unlink,
    replaced: async (path) => {
      await unlink(path);
      await writeFile(path, "abc");
    },
    "renamed away": (path) => rename(path, `${path}.old`),
    "made a folder": async (path) => {
      await unlink(path);
      await mkdir(path);
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    const part = await home.store.openPart(digest);
    writeSync(part.fd, "abc", 0);
    await change(part.path);
    expect(await errorOf(() => part.commit(digest, 3))).toMatchObject({ code: "IO", retryable: true });
    expect([name, home.store.has(digest)]).toEqual([name, false]);
    await part.close();
    await rm(part.path, { recursive: true, force: true });
  }
});

test("commit() refuses a part of another length", async () => {
  await using home = await openStore();
  const digest = digestOf("abc");
  const part = await home.store.openPart(digest);
  writeSync(part.fd, "ab", 0);
  expect(await codeOf(() => part.commit(digest, 3))).toBe("IO");
  writeSync(part.fd, "abcd", 0);
  expect(await codeOf(() => part.commit(digest, 3))).toBe("IO");
  await truncate(part.path, 3);
  await part.commit(digest, 3);
  expect(home.store.open(digest, 3).sizeBytes).toBe(3);
  expect(await codeOf(() => part.commit(digest, 3))).toBe("BAD_STATE");
});

test(
  "D23: a link, a second name, a pipe or a folder in the place of a part or its journal is UNSAFE_PATH",
  async () => {
    await using home = await openStore();
    const target = join(home.beside, "target");
    await writeFile(target, "precious");
    const plants: Record<string, (path: string) => unknown> = {
      "symbolic link": (path) => symlink(target, path),
      "link to nowhere": (path) => symlink(join(home.beside, "nowhere"), path),
      "second name": (path) => link(target, path),
      pipe: (path) => Bun.spawnSync(["mkfifo", path]),
      folder: (path) => mkdir(path),
    };
    for (const ending of ["part", "journal"]) {
      for (const [name, plant] of Object.entries(plants)) {
        const path = join(home.home, "incoming", `${UNKNOWN}.${ending}`);
        await plant(path);
        const code = await codeOf(() => home.store.openPart(UNKNOWN));
        expect([ending, name, code]).toEqual([ending, name, "UNSAFE_PATH"]);
        await rm(path, { recursive: true });
      }
    }
    expect(await readFile(target, "utf8")).toBe("precious");
    expect(existsSync(join(home.beside, "nowhere"))).toBe(false);
    await (await home.store.openPart(UNKNOWN)).discard();
  },
  10_000,
);

test("C18: two commits of one digest at the same time both succeed and leave one blob", async () => {
  await using home = await openStore();
  const digest = digestOf("same bytes");
  const parts = await Promise.all(["a", "b", "c"].map((mark) => home.store.openPart(`u-${mark.repeat(64)}`)));
  for (const part of parts) writeSync(part.fd, "same bytes", 0);
  await Promise.all(parts.map((part) => part.commit(digest, 10)));
  expect(await Array.fromAsync(home.store.scan())).toEqual([{ digest, sizeBytes: 10 }]);
  expect(await readFile(home.store.blobPath(digest), "utf8")).toBe("same bytes");
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("C09: a blob that is stored already can be committed again", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  await truncate(home.store.blobPath(digest), 0);
  await commitBytes(home.store, "hello");
  expect(await readFile(home.store.open(digest, 5).path, "utf8")).toBe("hello");
});

test("many small commits at once all arrive, each failure being its own", async () => {
  await using home = await openStore();
  const texts = Array.from({ length: 200 }, (_, index) => `file ${index}`);
  const results = await Promise.allSettled(texts.map(async (text, index) => {
    const part = await home.store.openPart(digestOf(text));
    await writeFile(part.path, text);
    await part.commit(digestOf(text), index === 70 ? 1 : text.length);
  }));
  expect(results.flatMap(({ status }, index) => status === "rejected" ? [index] : [])).toEqual([70]);
  expect((await Array.fromAsync(home.store.scan())).length).toBe(199);
});

test("a large blob is committed too", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, Buffer.alloc(9 * 1024 * 1024, 7));
  expect((await lstat(home.store.blobPath(digest))).size).toBe(9 * 1024 * 1024);
});

test("close() of the store keeps open parts for a later resume and ends their followers", async () => {
  await using home = await openStore();
  const part = await home.store.openPart(UNKNOWN);
  writeSync(part.fd, "abc", 0);
  const follower = part.follow();
  follower.advance(3);
  await home.store.close();
  expect(await codeOf(() => follower.finish(3))).toBe("CANCELLED");
  expect(await readFile(part.path, "utf8")).toBe("abc");
  expect(await codeOf(() => home.store.openPart(UNKNOWN))).toBe("SHUTTING_DOWN");
});

test("close() of the store waits for commits that are under way", async () => {
  await using home = await openStore();
  const texts = Array.from({ length: 50 }, (_, index) => `text ${index}`);
  const parts = await Promise.all(texts.map((text) => home.store.openPart(digestOf(text))));
  parts.forEach((part, index) => writeSync(part.fd, texts[index] ?? "", 0));
  const commits = parts.map((part, index) =>
    part.commit(digestOf(texts[index] ?? ""), texts[index]?.length ?? 0)
  );
  await home.store.close();
  await Promise.all(commits);
  expect((await Array.fromAsync(home.store.scan())).length).toBe(50);
});

test("parts() tells what lies in incoming/ by what it takes of the disk; removePart() leaves what is open", async () => {
  await using home = await openStore();
  const [open, closed] = [digestOf("open"), `u-${"c".repeat(64)}`];
  const part = await home.store.openPart(open);
  ftruncateSync(part.fd, 64 * 1024 * 1024);
  writeSync(part.fd, testBytes(100_000));
  const other = await home.store.openPart(closed);
  writeSync(other.fd, testBytes(50_000));
  writeSync(other.journalFd, "{}\n");
  await other.close();
  const parts = new Map((await home.store.parts()).map((one) => [one.key, one]));
  expect([...parts.keys()].sort()).toEqual([open, closed].sort());
  // Mostly holes: no more than what was written, in blocks.
  expect(parts.get(open)?.diskBytes).toBeGreaterThanOrEqual(100_000);
  expect(parts.get(open)?.diskBytes).toBeLessThan(1024 * 1024);
  expect(Math.abs(Date.now() / 1000 - (parts.get(closed)?.writtenAtS ?? 0))).toBeLessThan(60);
  expect([await home.store.removePart(open), await home.store.removePart(closed)]).toEqual([false, true]);
  expect(await home.store.removePart(closed)).toBe(true);
  expect((await home.store.parts()).map(({ key }) => key)).toEqual([open]);
  await part.discard();
});
