import { expect, test } from "bun:test";
import { digestOf } from "../helpers/digest.ts";
import { pullAndWait } from "../helpers/library.ts";
import { pseudoRandomBytes } from "../helpers/origin.ts";
import { blobCount } from "../helpers/sound.ts";
import {
  CHUNK,
  exactly,
  expectContent,
  expectDone,
  expectFailed,
  fileOf,
  MIB,
  sharedLibrary,
} from "./pulling.ts";

const withShared = sharedLibrary();

const TAG = { etag: '"v1"' };
const SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 64 * MIB];

for (const size of SIZES) {
  const bytes = pseudoRandomBytes(size + 1, size);
  const { sha256 } = exactly(bytes);

  test(`a file of ${size} bytes comes whole, whatever is known of it beforehand and however it is sent`, () =>
    withShared(async (origin, larder) => {
      for (const [knownIndex, known] of [{}, { size }, { sha256 }, { sha256, size }].entries()) {
        for (const fault of [undefined, "ignore-range", "chunked"] as const) {
          if (size > 2 * CHUNK && (knownIndex === 1 || fault === "ignore-range")) continue;
          const model = `m${knownIndex}-${fault ?? "plain"}`;
          const path = `/${model}`;
          const url = origin.file(path, bytes, TAG);
          if (fault !== undefined) origin.fault(path, [{ kind: fault }], { forever: true });
          expectDone(await pullAndWait(larder.library, fileOf(url, known, model)));
          await expectContent(larder, bytes, { model });
          const requests = origin.requestsFor(path).length;
          const isHereAlready = "sha256" in known && model !== "m0-plain";
          if (size < 16 * MIB || isHereAlready || fault === "ignore-range") {
            expect([model, requests]).toEqual([model, isHereAlready ? 0 : 1]);
          }
        }
      }
      expect(blobCount(larder.home)).toBe(1);
    }));
}

test("a chunked body of unknown length that is longer than one chunk has the digests of its chunks", () =>
  withShared(async (origin, larder) => {
    const bytes = pseudoRandomBytes(61, 11 * MIB);
    const url = origin.file("/f", bytes, { ranges: false });
    origin.fault("/f", [{ kind: "chunked" }]);
    const view = await pullAndWait(larder.library, fileOf(url));
    expectDone(view);
    expect(view.bytes_total).toBe(bytes.length);
    const row = larder.registry.findBlob(digestOf(bytes) as never);
    const expected = [0, 1, 2].map((index) => digestOf(bytes.subarray(index * CHUNK, (index + 1) * CHUNK)))
      .join("");
    expect(Buffer.from(row?.chunkDigests ?? []).toString("hex")).toBe(expected);
  }));

test("a chunked body of unknown length with a wrong digest is fetched once and not stored", () =>
  withShared(async (origin, larder) => {
    const url = origin.file("/f", pseudoRandomBytes(62, 7 * MIB), { ranges: false });
    origin.fault("/f", [{ kind: "chunked" }], { forever: true });
    expectFailed(
      await pullAndWait(larder.library, fileOf(url, { sha256: digestOf("x") })),
      "DIGEST_MISMATCH",
    );
    expect([blobCount(larder.home), origin.requests.length]).toEqual([0, 1]);
  }));

test("a length beyond all measure is refused and no other memory is taken for it", () =>
  withShared(async (origin, larder) => {
    for (const total of ["999999999999999", "9007199254740993", "9".repeat(400)]) {
      origin.on("/f", async (exchange) => {
        const head = { "Content-Range": `bytes 0-67108863/${total}`, "Content-Length": "67108864" };
        await exchange.head(206, head);
        await exchange.write(Buffer.alloc(1000));
        await exchange.stall();
      });
      const view = await pullAndWait(larder.library, fileOf(origin.url("/f"), { sha256: digestOf("x") }));
      expect(view.state).toBe("failed");
      expect(["NO_SPACE", "UPSTREAM_PROTOCOL", "RANGE_MISMATCH"]).toContain(view.error?.code ?? "");
    }
  }));

test("400 small files: one GET each over a few connections, all of them recorded", () =>
  withShared(async (origin, larder) => {
    const contents = Array.from(
      { length: 400 },
      (_, index) => pseudoRandomBytes(1000 + index, 100 + index * 13),
    );
    const files = contents.map((bytes, index) => ({
      path: `d${index % 7}/f${index}`,
      urls: [origin.file(`/f${index}`, bytes)],
    }));
    const view = await pullAndWait(larder.library, { model: "m", files });
    expectDone(view);
    expect(origin.requests.map(({ path }) => path).sort()).toEqual(
      files.map((_, index) => `/f${index}`).sort(),
    );
    expect(origin.connections).toBeLessThanOrEqual(16);
    expect(blobCount(larder.home)).toBe(400);
    for (const bytes of contents) {
      expect(larder.registry.findBlob(digestOf(bytes) as never)).toMatchObject({
        sizeBytes: bytes.length,
        state: "intact",
      });
    }
    expect((await larder.library.describe("m")).version.files).toHaveLength(400);
  }));
