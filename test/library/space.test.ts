import { expect } from "bun:test";
import { closeSync, constants, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openTestLibrary, pullAndWait, type TestLibrary, waitForPull } from "../helpers/library.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { expectSound, incoming } from "../helpers/sound.ts";
import { testOnTmpfs, type Tmpfs } from "../helpers/tmpfs.ts";
import {
  CHUNK,
  exactly,
  expectContent,
  expectDone,
  expectFailed,
  expectNoModel,
  fileOf,
  MIB,
  starts,
} from "./pulling.ts";

const LONG = pseudoRandomBytes(81, 14 * MIB);
const SMALL = pseudoRandomBytes(82, 100_000);
const TAG = { etag: '"v1"' };

/** A library whose home is on a small disk; each test ends with a look at what was left. */
function testOnSmallDisk(
  sizeBytes: number,
  name: string,
  work: (tools: { origin: Origin; larder: TestLibrary; disk: Tmpfs }) => Promise<void>,
): void {
  testOnTmpfs({ sizeBytes }, name, async (disk) => {
    await using origin = await startOrigin();
    await using larder = await openTestLibrary({ home: join(disk.path, "home") });
    await work({ origin, larder, disk });
    await expectSound(larder);
  }, 20_000);
}

/** Takes all that is left of the disk, but for so much. */
function fill({ path }: Tmpfs, leftBytes = 0): Disposable {
  const filler = join(path, "filler");
  const fd = openSync(filler, constants.O_WRONLY | constants.O_CREAT);
  const free = () => {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  };
  while (free() > leftBytes) writeSync(fd, new Uint8Array(Math.min(MIB, free() - leftBytes)));
  closeSync(fd);
  return { [Symbol.dispose]: () => rmSync(filler) };
}

testOnSmallDisk(
  24 * MIB,
  "D01: a file that does not fit is refused before its first byte, whether its size was known or not",
  async ({ origin, larder }) => {
    const bytes = pseudoRandomBytes(83, 30 * MIB);
    const url = origin.file("/f", bytes, TAG);
    for (const known of [{}, exactly(bytes)]) {
      const view = await pullAndWait(larder.library, fileOf(url, known));
      expectFailed(view, "NO_SPACE");
      expect(view.error?.details).toMatchObject({ needed_bytes: 30 * MIB });
      expect(view.files[0]?.bytes_fetched).toBe(0);
    }
    expect(incoming(larder.home)).toEqual([]);
    expect(origin.requests).toHaveLength(2);
    expectDone(await pullAndWait(larder.library, fileOf(origin.file("/small", SMALL), {}, "small")));
  },
);

testOnSmallDisk(
  40 * MIB,
  "D02: a disk that fills up meanwhile ends the pull, keeps what is there, and lets it go on later",
  async ({ origin, larder, disk }) => {
    expectDone(await pullAndWait(larder.library, fileOf(origin.file("/small", SMALL), {}, "small")));
    origin.bytesPerSecond = 12 * MIB;
    const url = origin.file("/f", LONG, TAG);
    const { id } = await larder.library.pull(fileOf(url, exactly(LONG)));
    for await (const view of larder.library.watchPull(id)) if (view.bytes_done > 6 * MIB) break;
    {
      using _filler = fill(disk);
      expectFailed(await waitForPull(larder.library, id), "NO_SPACE");
      await expectContent(larder, SMALL, { model: "small" });
      await expectNoModel(larder);
      expect((await larder.store.space()).reservedBytes).toBe(0);
    }
    origin.requests.length = 0;
    origin.bytesPerSecond = Infinity;
    expectDone(await pullAndWait(larder.library, fileOf(url, exactly(LONG))));
    await expectContent(larder, LONG);
    expect(starts(origin.requests)[0]).toBeGreaterThanOrEqual(6 * MIB - CHUNK);
  },
);

testOnSmallDisk(
  40 * MIB,
  "D01: a resume that does not fit keeps its part",
  async ({ origin, larder, disk }) => {
    const url = origin.file("/f", LONG, TAG);
    origin.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "status", status: 404 }]);
    expectFailed(await pullAndWait(larder.library, fileOf(url)), "UPSTREAM_NOT_FOUND");
    {
      using _filler = fill(disk, 5 * MIB);
      expectFailed(await pullAndWait(larder.library, fileOf(url)), "NO_SPACE");
      expect(incoming(larder.home)).toHaveLength(2);
    }
    origin.requests.length = 0;
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    expect(starts(origin.requests)[0]).toBeGreaterThan(5 * MIB);
  },
);

testOnSmallDisk(
  32 * MIB,
  "C19: of two pulls that race for the last space one is refused early and the other comes whole",
  async ({ origin, larder }) => {
    origin.bytesPerSecond = 40 * MIB;
    const other = pseudoRandomBytes(84, LONG.length);
    const pulls = [
      await larder.library.pull(fileOf(origin.file("/a", pseudoRandomBytes(85, 18 * MIB), TAG), {}, "a")),
      await larder.library.pull(fileOf(origin.file("/b", other, TAG), {}, "b")),
    ];
    const views = await Promise.all(pulls.map(({ id }) => waitForPull(larder.library, id)));
    expect(views.map(({ state }) => state).sort()).toEqual(["done", "failed"]);
    const refused = views.find(({ state }) => state === "failed");
    expect(refused?.error?.code).toBe("NO_SPACE");
    expect(refused?.files[0]?.bytes_fetched).toBe(0);
  },
);

testOnSmallDisk(
  40 * MIB,
  "two pulls that fit together are both let in, however far the first has come",
  async ({ origin, larder }) => {
    origin.bytesPerSecond = 20 * MIB;
    const first = await larder.library.pull(fileOf(origin.file("/a", LONG, TAG), {}, "a"));
    for await (const view of larder.library.watchPull(first.id)) if (view.bytes_done > 9 * MIB) break;
    const other = pseudoRandomBytes(86, 20 * MIB);
    const second = await larder.library.pull(fileOf(origin.file("/b", other, TAG), {}, "b"));
    origin.bytesPerSecond = Infinity;
    expectDone(await waitForPull(larder.library, first.id));
    expectDone(await waitForPull(larder.library, second.id));
  },
);

testOnSmallDisk(
  24 * MIB,
  "starting over needs no second share of the disk",
  async ({ origin, larder }) => {
    const url = origin.file("/f", LONG, { etag: '"v1"' });
    origin.fault("/f", [{ kind: "cut", afterBytes: 12 * MIB }, { kind: "ignore-range" }]);
    expectDone(await pullAndWait(larder.library, fileOf(url)));
    await expectContent(larder, LONG);
    origin.fault("/f", [{ kind: "flip", atByte: 9 }]);
    origin.fault("/g", [{ kind: "flip", atByte: 9 }]);
    await larder.library.remove("m");
    const bytes = pseudoRandomBytes(87, LONG.length);
    const urls = [origin.file("/g", bytes, TAG), origin.file("/h", bytes, TAG)];
    expectDone(await pullAndWait(larder.library, fileOf(urls, exactly(bytes), "n")));
  },
);

testOnSmallDisk(
  24 * MIB,
  "a stream without end stops when the disk is full, and its space is given back",
  async ({ origin, larder }) => {
    origin.on("/f", async (exchange) => {
      await exchange.head(200, { "Transfer-Encoding": "chunked" });
      const piece = Buffer.concat([Buffer.from("100000\r\n"), new Uint8Array(MIB), Buffer.from("\r\n")]);
      for (;;) await exchange.write(piece);
    });
    expectFailed(await pullAndWait(larder.library, fileOf(origin.url("/f"))), "NO_SPACE");
    expect(incoming(larder.home)).toEqual([]);
    expectDone(await pullAndWait(larder.library, fileOf(origin.file("/small", LONG, TAG), {}, "small")));
  },
);
