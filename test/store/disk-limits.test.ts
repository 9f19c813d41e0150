import { expect, test } from "bun:test";
import { existsSync, writeSync } from "node:fs";
import { mkdir, readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BlobStore, openBlobStore, type Reservation } from "../../src/store/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { mountTmpfs, testMounting, testOnTmpfs } from "../helpers/tmpfs.ts";
import { codeOf, commitBytes, digestOf, errorOf, openStore, testBytes } from "./store-fixture.ts";

const MIB = 1024 * 1024;
const KEY = `u-${"a".repeat(64)}`;

async function withStore(home: string, work: (store: BlobStore) => Promise<void>): Promise<void> {
  const store = await openBlobStore({ home, threads: 1 });
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

test("D01: a reservation that does not fit is refused before the first byte, saying how much is missing", async () => {
  await using home = await openStore();
  const { bavail, bsize } = await statfs(home.home);
  const error = await errorOf(() => home.store.reserve((bavail + 1_000_000) * bsize));
  expect(error).toMatchObject({ code: "NO_SPACE", retryable: false });
  const { details } = error as { details: { missing_bytes: number } };
  expect(details.missing_bytes).toBeGreaterThan(0);
  expect((error as Error).message).toContain(String(details.missing_bytes));
  expect((await home.store.space()).reservedBytes).toBe(0);
});

testOnTmpfs(
  { sizeBytes: 16 * MIB },
  "D01: what is promised counts as taken until it is released or used",
  async (disk) => {
    await withStore(join(disk.path, "home"), async (store) => {
      const first = await store.reserve(10 * MIB);
      expect(await codeOf(() => store.reserve(10 * MIB))).toBe("NO_SPACE");
      expect((await store.space()).reservedBytes).toBe(10 * MIB);
      first.used(9 * MIB);
      const second = await store.reserve(10 * MIB);
      first.release();
      second.release();
      second.release();
      expect((await store.space()).reservedBytes).toBe(0);
      (await store.reserve(15 * MIB)).release();
    });
  },
);

testOnTmpfs(
  { sizeBytes: 16 * MIB },
  "C19: of two that race for the last space exactly one gets it",
  async (disk) => {
    await withStore(join(disk.path, "home"), async (store) => {
      const race = await Promise.allSettled(Array.from({ length: 8 }, () => store.reserve(9 * MIB)));
      const won = race.filter((entry): entry is PromiseFulfilledResult<Reservation> =>
        entry.status === "fulfilled"
      );
      expect(won.length).toBe(1);
      for (const entry of race) {
        if (entry.status === "rejected") expect(entry.reason).toMatchObject({ code: "NO_SPACE" });
      }
      won[0]?.value.release();
      (await store.reserve(9 * MIB)).release();
    });
  },
);

testOnTmpfs(
  { sizeBytes: 8 * MIB },
  "D02: a full disk is NO_SPACE, what is stored stays readable, and freeing space is enough",
  async (disk) => {
    await withStore(join(disk.path, "home"), async (store) => {
      const digest = await commitBytes(store, "hello");
      const source = join(disk.path, "source");
      await writeFile(source, testBytes(5 * MIB));
      expect(await codeOf(() => store.importFile(source, { mode: "copy" }))).toBe("NO_SPACE");
      const filler = join(disk.path, "filler");
      await errorOf(() => writeFile(filler, new Uint8Array(8 * MIB)));
      expect(await codeOf(() => store.writeManifest("iris", "1.0.0", { filler: "x".repeat(MIB) }))).toBe(
        "NO_SPACE",
      );
      expect(await readFile(store.open(digest, 5).path, "utf8")).toBe("hello");
      expect(await readdir(join(disk.path, "home/incoming"))).toEqual([]);
      await rm(filler);
      await rm(source);
      await store.writeManifest("iris", "1.0.0", {});
      await commitBytes(store, testBytes(3 * MIB));
    });
  },
);

testOnTmpfs(
  { sizeBytes: 16 * MIB, inodes: 300 },
  "D03: a file system without room for another file is NO_INODES",
  async (disk) => {
    await withStore(join(disk.path, "home"), async (store) => {
      const digest = await commitBytes(store, "hello");
      for (let index = 0;; index++) {
        if (await errorOf(() => writeFile(join(disk.path, `filler${index}`), ""))) break;
      }
      expect(await codeOf(() => store.openPart(KEY))).toBe("NO_INODES");
      expect(await codeOf(() => store.reserve(1))).toBe("NO_INODES");
      expect(await codeOf(() => store.writeManifest("iris", "1.0.0", {}))).toBe("NO_INODES");
      expect(store.open(digest, 5).sizeBytes).toBe(5);
      await rm(join(disk.path, "filler0"));
      await rm(join(disk.path, "filler1"));
      await (await store.openPart(KEY)).discard();
    });
  },
);

testOnTmpfs(
  { sizeBytes: 16 * MIB },
  "D05: a disk that becomes read-only serves what it has and refuses to write",
  async (disk) => {
    const home = join(disk.path, "home");
    await withStore(home, async (store) => {
      const digest = await commitBytes(store, "hello");
      disk.remount("ro");
      try {
        const opened = store.open(digest, 5);
        expect(await readFile(opened.path, "utf8")).toBe("hello");
        expect(Buffer.from(store.read(digest, 5, { start: 0, end: 5 })).toString()).toBe("hello");
        expect((await store.verify([{ digest, sizeBytes: 5 }]))[0]?.state).toBe("intact");
        const writes: Record<string, () => unknown> = {
          openPart: () => store.openPart(KEY),
          reserve: () => store.reserve(1),
          remove: () => store.remove(digest),
          quarantine: () => store.quarantine(digest),
          sweep: () => store.sweep({ alive: new Set(), aliveParts: new Set(), graceS: 0, dryRun: false }),
          writeManifest: () => store.writeManifest("iris", "1.0.0", {}),
          makeView: () => store.makeView("iris", "1.0.0", [{ path: "a", digest, sizeBytes: 5 }]),
        };
        for (const [name, write] of Object.entries(writes)) {
          expect([name, await codeOf(write)]).toEqual([name, "READONLY"]);
        }
        await withStore(home, async (again) => expect(again.open(digest, 5).sizeBytes).toBe(5));
      } finally {
        disk.remount("rw");
      }
      await store.remove(digest);
    });
  },
);

testMounting(
  "D10: a home whose incoming/ is on another file system than blobs/ does not open, naming both",
  async () => {
    await using temp = await tempFolder();
    const home = join(temp.path, "home");
    await mkdir(join(home, "incoming"), { recursive: true });
    await using disk = mountTmpfs(join(home, "incoming"));
    const error = await errorOf(() => openBlobStore({ home }));
    expect(error).toMatchObject({ code: "CONFIG" });
    expect((error as Error).message).toContain(disk.path);
    expect((error as Error).message).toContain(join(home, "blobs/sha256"));
  },
);

testMounting("D10: a part that cannot be renamed into its folder is not copied there", async () => {
  await using home = await openStore();
  const digest = digestOf("hello");
  const part = await home.store.openPart(digest);
  writeSync(part.fd, "hello");
  await using _disk = mountTmpfs(join(home.home, "blobs/sha256", digest.slice(0, 2)));
  expect(await codeOf(() => part.commit(digest, 5))).toBe("CONFIG");
  expect(existsSync(home.store.blobPath(digest))).toBe(false);
  await part.discard();
});
