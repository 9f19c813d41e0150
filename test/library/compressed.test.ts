import { expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../helpers/digest.ts";
import { pullAndWait } from "../helpers/library.ts";
import { pseudoRandomBytes } from "../helpers/origin.ts";
import { blobCount, incoming } from "../helpers/sound.ts";
import {
  exactly,
  expectContent,
  expectDone,
  expectFailed,
  expectNoModel,
  MIB,
  sharedLibrary,
  starts,
  withOrigin,
} from "./pulling.ts";

const withShared = sharedLibrary();

const PLAIN = Buffer.concat([pseudoRandomBytes(91, 7 * MIB), Buffer.alloc(6 * MIB, 7)]);
const TAG = { etag: '"v1"' };
const FORMS = [["gz", gzipSync(PLAIN)], ["zst", zstdCompressSync(PLAIN)]] as const;

function request(url: string, options: object = {}, path = url.slice(url.lastIndexOf("/") + 1)) {
  return { model: "m", files: [{ path, urls: [url], ...options }] };
}

for (const [ending, packed] of FORMS) {
  test(`a .${ending} source is kept unpacked under its name without the ending; its digest is that of the file`, () =>
    withShared(async (origin, larder) => {
      const url = origin.file(`/f.${ending}`, packed, TAG);
      const view = await pullAndWait(larder.library, request(url, exactly(PLAIN)));
      expectDone(view);
      expect(view.files[0]).toMatchObject({ path: "f", sha256: digestOf(PLAIN), bytes_total: PLAIN.length });
      await expectContent(larder, PLAIN);
      expect([blobCount(larder.home), incoming(larder.home)]).toEqual([1, []]);
      // What is here is not fetched to be unpacked again.
      const again = { ...request(url, exactly(PLAIN)), model: "again" };
      expectDone(await pullAndWait(larder.library, again));
      expect(origin.requests).toHaveLength(1);
    }));

  test(`.${ending}: digest and size may be those of the source, or not be known`, () =>
    withShared(async (origin, larder) => {
      const url = origin.file(`/f.${ending}`, packed, TAG);
      expectDone(
        await pullAndWait(larder.library, request(url, { ...exactly(packed), digest_of: "source" })),
      );
      await expectContent(larder, PLAIN);
      const unknown = { ...request(url), model: "unknown" };
      expectDone(await pullAndWait(larder.library, unknown));
      await expectContent(larder, PLAIN, { model: "unknown" });
    }));

  test(`.${ending}: a wrong digest or size of either is refused and nothing is kept`, () =>
    withShared(async (origin, larder) => {
      const url = origin.file(`/f.${ending}`, packed, TAG);
      const wrong = digestOf("wrong");
      const cases: Array<[object, string]> = [
        [{ sha256: wrong }, "DIGEST_MISMATCH"],
        [{ sha256: wrong, digest_of: "source" }, "DIGEST_MISMATCH"],
        [{ sha256: digestOf(packed) }, "DIGEST_MISMATCH"],
        [{ size: PLAIN.length + 1 }, "SIZE_MISMATCH"],
        [{ size: PLAIN.length - 1 }, "DECOMPRESS_LIMIT"],
        [{ size: packed.length + 1, digest_of: "source" }, "SIZE_MISMATCH"],
      ];
      for (const [options, code] of cases) {
        expectFailed(await pullAndWait(larder.library, request(url, options)), code);
        expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
      }
      await expectNoModel(larder);
    }));

  test(`.${ending}: a source that is cut or damaged, and one that is none, is CORRUPT_SOURCE`, () =>
    withShared(async (origin, larder) => {
      const damaged = Buffer.from(packed);
      damaged.fill(0, 1000, 2000);
      const login = Buffer.from("<html>log in</html>");
      for (
        const [index, bytes] of [packed.subarray(0, packed.length - 20), damaged, login, Buffer.alloc(0)]
          .entries()
      ) {
        if (ending === "zst" && bytes === damaged) continue; // random bytes are stored raw there: only a digest shows it
        const url = origin.file(`/${index}.${ending}`, bytes, TAG);
        expectFailed(await pullAndWait(larder.library, request(url)), "CORRUPT_SOURCE");
        expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
      }
    }));

  test(`.${ending}: a bomb ends at the limit and nothing of it is kept`, () =>
    withOrigin(async (origin, larder) => {
      const bomb = (ending === "gz" ? gzipSync : zstdCompressSync)(Buffer.alloc(40 * MIB));
      const url = origin.file(`/bomb.${ending}`, bomb, TAG);
      const view = await pullAndWait(larder.library, request(url));
      expectFailed(view, "DECOMPRESS_LIMIT");
      expect([blobCount(larder.home), incoming(larder.home)]).toEqual([0, []]);
    }, { settings: { decompressBytesMax: 10 * MIB } }));

  test(`.${ending}: with decompress "none" it is kept as it comes`, () =>
    withShared(async (origin, larder) => {
      const url = origin.file(`/f.${ending}`, packed, TAG);
      expectDone(await pullAndWait(larder.library, request(url, { ...exactly(packed), decompress: "none" })));
      await expectContent(larder, packed, { path: `f.${ending}` });
    }));
}

test("a compressed source is resumed like any other", () =>
  withShared(async (origin, larder) => {
    const [, packed] = FORMS[0];
    const url = origin.file("/f.gz", packed, TAG);
    origin.fault("/f.gz", [{ kind: "cut", afterBytes: 6 * MIB }, { kind: "status", status: 404 }]);
    expectFailed(await pullAndWait(larder.library, request(url, exactly(PLAIN))), "UPSTREAM_NOT_FOUND");
    expect(incoming(larder.home)).toHaveLength(2);
    expectDone(await pullAndWait(larder.library, request(url, exactly(PLAIN))));
    await expectContent(larder, PLAIN);
    expect(starts(origin.requests)[2]).toBeGreaterThan(5 * MIB);
    expect(incoming(larder.home)).toEqual([]);
  }));

test("one compressed source asked for in several ways at once does not get in its own way", () =>
  withShared(async (origin, larder) => {
    await larder.library.setLimits({ pulls_at_once: 8 });
    const [, packed] = FORMS[0];
    const url = origin.file("/f.gz", packed, TAG);
    const ways = [{}, exactly(PLAIN), { ...exactly(packed), digest_of: "source" }, { decompress: "none" }];
    const views = await Promise.all(
      ways.map((options, index) =>
        pullAndWait(larder.library, { ...request(url, options), model: `m${index}` })
      ),
    );
    for (const view of views) expectDone(view);
    expect(blobCount(larder.home)).toBe(2);
  }));
