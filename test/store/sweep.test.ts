import { expect, test } from "bun:test";
import { link, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { existsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../../src/core/index.ts";
import type { SweepOptions } from "../../src/store/index.ts";
import { codeOf, commitBytes, digestOf, openStore } from "./store-fixture.ts";

const HOUR_S = 3600;

function laterBy(seconds: number): Clock {
  return { ...systemClock, nowS: () => systemClock.nowS() + seconds };
}

function everything(options: Partial<SweepOptions> = {}): SweepOptions {
  return { alive: new Set(), aliveParts: new Set(), graceS: HOUR_S, dryRun: false, ...options };
}

test("sweep() takes blobs that nothing points to and tells what was freed", async () => {
  await using home = await openStore({ clock: laterBy(2 * HOUR_S) });
  const dead = await commitBytes(home.store, "dead blob");
  const alive = await commitBytes(home.store, "alive");
  expect(await home.store.sweep(everything({ alive: new Set([alive]) }))).toEqual({
    blobs: [{ digest: dead, sizeBytes: 9 }],
    parts: [],
    bytesFreed: 9,
  });
  expect(home.store.has(dead)).toBe(false);
  expect(home.store.has(alive)).toBe(true);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
});

test("a dry run tells the same and changes nothing", async () => {
  await using home = await openStore({ clock: laterBy(2 * HOUR_S) });
  const dead = await commitBytes(home.store, "dead blob");
  await (await home.store.openPart(`u-${"a".repeat(64)}`)).close();
  const told = await home.store.sweep(everything({ dryRun: true }));
  expect(told.blobs).toEqual([{ digest: dead, sizeBytes: 9 }]);
  expect(home.store.has(dead)).toBe(true);
  expect((await readdir(join(home.home, "incoming"))).length).toBe(2);
  expect(await home.store.sweep(everything())).toEqual(told);
});

test("C08: a blob without a row survives while it is young or pinned", async () => {
  await using young = await openStore({ clock: laterBy(HOUR_S - 60) });
  const digest = await commitBytes(young.store, "hello");
  expect((await young.store.sweep(everything())).blobs).toEqual([]);
  expect(young.store.has(digest)).toBe(true);

  await using old = await openStore({ clock: laterBy(2 * HOUR_S) });
  await commitBytes(old.store, "hello");
  const unpin = old.store.pin(digest);
  expect((await old.store.sweep(everything())).blobs).toEqual([]);
  unpin();
  expect((await old.store.sweep(everything())).blobs.length).toBe(1);
  expect(old.store.has(digest)).toBe(false);
});

test("C08: a blob that was pinned for a moment during the sweep survives: it may have its row by then", async () => {
  await using home = await openStore({ clock: laterBy(2 * HOUR_S) });
  const digest = await commitBytes(home.store, "hello");
  const sweep = home.store.sweep(everything());
  home.store.pin(digest)();
  expect((await sweep).blobs).toEqual([]);
  expect(home.store.has(digest)).toBe(true);
});

test("C21: parts that a pull will resume, that are open, or that are young stay", async () => {
  await using home = await openStore({ clock: laterBy(2 * HOUR_S) });
  const keys = ["a", "b", "c"].map((mark) => `u-${mark.repeat(64)}`);
  const [resumed = "", open = "", orphan = ""] = keys;
  for (const key of keys) {
    const part = await home.store.openPart(key);
    writeSync(part.fd, "12345");
    writeSync(part.journalFd, "123");
    await part.close();
  }
  const part = await home.store.openPart(open);
  await writeFile(join(home.home, "incoming/unknown-name"), "not ours");
  expect((await home.store.sweep(everything({ graceS: 3 * HOUR_S }))).parts).toEqual([]);
  const swept = await home.store.sweep(everything({ aliveParts: new Set([resumed]) }));
  expect(swept).toEqual({ blobs: [], parts: [{ key: orphan, sizeBytes: 8 }], bytesFreed: 8 });
  expect((await readdir(join(home.home, "incoming"))).toSorted()).toEqual([
    ...[`${resumed}.journal`, `${resumed}.part`, `${open}.journal`, `${open}.part`],
    "unknown-name",
  ]);
  await part.discard();
});

test("P04: what a process that was killed left in incoming/ is swept, folders and lone journals too", async () => {
  await using home = await openStore({ clock: laterBy(2 * HOUR_S) });
  const incoming = join(home.home, "incoming");
  await mkdir(join(incoming, `x-${"1".repeat(32)}.part/folder`), { recursive: true });
  await writeFile(join(incoming, `x-${"1".repeat(32)}.part/folder/file`), "x");
  await writeFile(join(incoming, `x-${"2".repeat(32)}.part`), "x");
  await writeFile(join(incoming, `${"3".repeat(64)}.journal`), "x");
  expect((await home.store.sweep(everything())).parts.length).toBe(3);
  expect(await readdir(incoming)).toEqual([]);
});

test("a grace of 0 spares nothing that is not alive", async () => {
  await using home = await openStore();
  await commitBytes(home.store, "hello");
  expect((await home.store.sweep(everything({ graceS: 0 }))).blobs.length).toBe(1);
});

test("quarantine() makes a damaged blob the part of its digest, without an older journal", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  const older = await home.store.openPart(digest);
  writeSync(older.journalFd, "about other bytes");
  await older.close();
  expect(await home.store.quarantine(digest)).toBe(digest);
  expect(home.store.has(digest)).toBe(false);
  const part = await home.store.openPart(digest);
  expect(await readFile(part.path, "utf8")).toBe("hello");
  expect(await readFile(part.path.replace(".part", ".journal"), "utf8")).toBe("");
  await part.commit(digest, 5);
  expect(home.store.open(digest, 5).sizeBytes).toBe(5);
});

test("quarantine() of a blob that is not there is undefined, and of one that is being written BUSY", async () => {
  await using home = await openStore();
  const digest = digestOf("hello");
  expect(await home.store.quarantine(digest)).toBeUndefined();
  const part = await home.store.openPart(digest);
  expect(await codeOf(() => home.store.quarantine(digest))).toBe("BUSY");
  await part.discard();
});

test("quarantine() leaves a file alone that has the same bytes by another name", async () => {
  await using home = await openStore();
  const digest = await commitBytes(home.store, "hello");
  const other = join(home.beside, "other");
  await link(home.store.blobPath(digest), other);
  expect(await home.store.quarantine(digest)).toBe(digest);
  const part = await home.store.openPart(digest);
  writeSync(part.fd, "HELLO", 0);
  expect(await readFile(other, "utf8")).toBe("hello");
  expect(existsSync(home.store.blobPath(digest))).toBe(false);
});
