import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { createDownloader, type Downloader } from "../../src/download/index.ts";
import { isLarderError } from "../../src/core/index.ts";
import { FAST_TUNING } from "../helpers/library.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { findTool, testWith } from "../helpers/tools.ts";

const MIB = 1024 * 1024;

interface Unpacked {
  readonly bytes: Buffer;
  readonly outcome: number | string;
  readonly progress: readonly number[];
}

function open(): Downloader & Disposable {
  const downloader = createDownloader({
    net: { allowOrigins: [], userAgent: "larder-test", connectMs: 1, headersMs: 1 },
    tuning: FAST_TUNING,
    rateBytesPerS: 0,
    connections: 1,
  });
  return Object.assign(downloader, { [Symbol.dispose]: () => downloader.close() });
}

async function unpack(
  source: Uint8Array,
  encoding: "gzip" | "zstd",
  options: { maxBytes?: number; signal?: AbortSignal; onProgress?: () => void } = {},
): Promise<Unpacked> {
  await using folder = await tempFolder();
  using downloader = open();
  const [from, to] = [join(folder.path, "from"), join(folder.path, "to")];
  await Bun.write(from, source);
  await Bun.write(to, "what an earlier try left, longer than some results");
  const [fromFd, toFd] = [openSync(from, "r"), openSync(to, "r+")];
  const progress: number[] = [];
  try {
    const outcome = await downloader.decompress({
      ...{ fromFd, toFd, encoding, maxBytes: options.maxBytes ?? 1000 * MIB },
      signal: options.signal ?? new AbortController().signal,
      onProgress: (bytes) => {
        progress.push(bytes);
        options.onProgress?.();
      },
    }).catch((error: unknown) => isLarderError(error) ? error.code : Promise.reject(error));
    return { bytes: readFileSync(to), outcome, progress };
  } finally {
    for (const fd of [fromFd, toFd]) closeSync(fd);
  }
}

const PLAIN = Buffer.concat([pseudoRandomBytes(7, 8 * MIB + 77), Buffer.alloc(18 * MIB)]);
const PACK = { gzip: gzipSync, zstd: zstdCompressSync } as const;
const ENCODINGS = ["gzip", "zstd"] as const;

for (const encoding of ENCODINGS) {
  const packed = PACK[encoding](PLAIN);

  test(`${encoding}: the bytes come back, and progress is told`, async () => {
    const { bytes, outcome, progress } = await unpack(packed, encoding);
    expect(outcome).toBe(PLAIN.length);
    expect(bytes.equals(PLAIN)).toBe(true);
    expect(progress.length).toBeGreaterThanOrEqual(3);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
  });

  test(`${encoding}: several members one after the other are one file`, async () => {
    const parts = [PLAIN.subarray(0, 100), PLAIN.subarray(100, 3 * MIB), PLAIN.subarray(3 * MIB, 4 * MIB)];
    const { bytes, outcome } = await unpack(
      Buffer.concat(parts.map((part) => PACK[encoding](part))),
      encoding,
    );
    expect(outcome).toBe(4 * MIB);
    expect(bytes.equals(PLAIN.subarray(0, 4 * MIB))).toBe(true);
  });

  test(`${encoding}: an empty file comes back empty`, async () => {
    const { bytes, outcome } = await unpack(PACK[encoding](Buffer.alloc(0)), encoding);
    expect([bytes.length, outcome]).toEqual([0, 0]);
  });

  test(`${encoding}: a cut source is CORRUPT_SOURCE, wherever it is cut`, async () => {
    const small = PACK[encoding](PLAIN.subarray(0, 5000));
    for (const length of [0, 1, 5, 12, 1000, small.length - 9, small.length - 1]) {
      expect([length, (await unpack(small.subarray(0, length), encoding)).outcome]).toEqual([
        length,
        "CORRUPT_SOURCE",
      ]);
    }
  });

  test(`${encoding}: a flipped bit is CORRUPT_SOURCE`, async () => {
    const small = PACK[encoding](PLAIN.subarray(0, 5000), encoding === "zstd" ? { params: { 201: 1 } } : {});
    for (const at of [0, 2000, small.length - 2]) {
      const broken = Buffer.from(small);
      broken[at] = (broken[at] ?? 0) ^ 4;
      expect([at, (await unpack(broken, encoding)).outcome]).toEqual([at, "CORRUPT_SOURCE"]);
    }
  });

  test(`${encoding}: what is not ${encoding} is CORRUPT_SOURCE`, async () => {
    expect((await unpack(Buffer.from("<html>not here</html>"), encoding)).outcome).toBe("CORRUPT_SOURCE");
  });

  test(`${encoding}: a bomb ends at the limit, exactly`, async () => {
    const bomb = PACK[encoding](Buffer.alloc(60 * MIB));
    expect(bomb.length).toBeLessThan(MIB);
    const { bytes, outcome } = await unpack(bomb, encoding, { maxBytes: 10 * MIB });
    expect(outcome).toBe("DECOMPRESS_LIMIT");
    expect(bytes.length).toBeLessThanOrEqual(10 * MIB);
    expect((await unpack(packed, encoding, { maxBytes: PLAIN.length })).outcome).toBe(PLAIN.length);
    expect((await unpack(packed, encoding, { maxBytes: PLAIN.length - 1 })).outcome).toBe("DECOMPRESS_LIMIT");
  });

  test(`${encoding}: it can be stopped, and what follows works`, async () => {
    const controller = new AbortController();
    const stop = () => controller.abort(new Error("enough"));
    const large = PACK[encoding](Buffer.alloc(150 * MIB));
    await expect(unpack(large, encoding, { signal: controller.signal, onProgress: stop })).rejects.toThrow(
      "enough",
    );
    expect((await unpack(packed, encoding)).outcome).toBe(PLAIN.length);
  });

  testWith([encoding], `${encoding}: files of the command itself come back`, async () => {
    const child = Bun.spawnSync([findTool(encoding) ?? "", "-c"], { stdin: PLAIN });
    expect(child.exitCode).toBe(0);
    expect((await unpack(child.stdout, encoding)).bytes.equals(PLAIN)).toBe(true);
  });
}
