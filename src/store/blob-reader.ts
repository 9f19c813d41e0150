import { closeSync, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { type ByteRange, type Digest, LarderError, parseDigest } from "../core/index.ts";
import { OPEN_TO_READ } from "./descriptors.ts";
import { diskError, findEntry, type Home, isGone, onDisk, storeGone } from "./disk-error.ts";
import { BLOB_FOLDERS, type Layout } from "./layout.ts";
import { unsafe } from "./prepare.ts";
import type { OpenedBlob } from "./types.ts";

const DIGEST_NAME = /^[0-9a-f]{64}$/;

/** Committed blobs as they are read. One look at the file system each time: what was true a moment ago may not be now. */
export class BlobReader {
  constructor(private readonly home: Home, private readonly layout: Layout) {}

  open(digest: Digest, sizeBytes: number): OpenedBlob {
    const path = this.layout.blob(digest);
    const { mtimeMs: modifiedMs } = this.#check(digest, sizeBytes, path, findEntry(path));
    return { path, sizeBytes, modifiedMs };
  }

  read(digest: Digest, sizeBytes: number, range: ByteRange): Uint8Array {
    const path = this.layout.blob(digest);
    this.#check(digest, sizeBytes, path, findEntry(path));
    try {
      return readRange(path, range, (entry) => void this.#check(digest, sizeBytes, path, entry));
    } catch (error) {
      throw diskError(`read blob ${digest}`, error, this.home);
    }
  }

  has(digest: Digest): boolean {
    return findEntry(this.layout.blob(digest))?.isFile() ?? false;
  }

  /** Files with the name of a digest, in its folder; whatever else lies there is passed over. */
  async *scan(): AsyncGenerator<
    { readonly digest: Digest; readonly sizeBytes: number; readonly entry: Stats }
  > {
    for (const folder of BLOB_FOLDERS) {
      const path = `${this.layout.digests}/${folder}`;
      const names = await onDisk(this.home, "list the blobs", () => readdir(path));
      for (const name of names.filter((name) => DIGEST_NAME.test(name) && name.startsWith(folder))) {
        const entry = findEntry(`${path}/${name}`);
        if (entry?.isFile()) yield { digest: parseDigest(name), sizeBytes: entry.size, entry };
      }
    }
  }

  #check(digest: Digest, sizeBytes: number, path: string, entry: Stats | undefined): Stats {
    if (entry === undefined) throw isGone(this.home) ? storeGone(this.home) : missing(digest);
    if (!entry.isFile()) {
      throw unsafe(path, entry.isSymbolicLink() ? "a symbolic link" : "not a regular file");
    }
    if (entry.size !== sizeBytes) throw damaged(digest, `${entry.size} bytes instead of ${sizeBytes}`);
    return entry;
  }
}

function readRange(path: string, { start, end }: ByteRange, check: (entry: Stats) => void): Uint8Array {
  const fd = openSync(path, OPEN_TO_READ);
  try {
    check(fstatSync(fd));
    const bytes = new Uint8Array(end - start);
    for (let done = 0; done < bytes.byteLength;) {
      const length = readSync(fd, bytes, done, bytes.byteLength - done, start + done);
      if (length === 0) {
        throw new LarderError("BAD_RANGE", `Cannot read bytes ${start} to ${end}: the blob ends before`, {
          field: "range",
        });
      }
      done += length;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function missing(digest: Digest): LarderError {
  return new LarderError("BLOB_MISSING", `Cannot read blob ${digest}: it is not on disk`, {
    hint: "Run `larder repair` to fetch it from its source again.",
    details: { digest },
  });
}

function damaged(digest: Digest, reason: string): LarderError {
  return new LarderError("BLOB_DAMAGED", `Cannot read blob ${digest}: it has ${reason}`, {
    hint: "Run `larder repair` to fetch what is damaged again.",
    details: { digest },
  });
}
