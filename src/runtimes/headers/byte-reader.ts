import { close, constants, fstat, open, read, type Stats } from "node:fs";
import { promisify } from "node:util";
import { diskError, LarderError, systemCode } from "../../core/index.ts";
import type { ModelFile } from "../types.ts";

/** Reads any part of a file whose length is known and does not change. */
export interface ByteReader {
  /** Of the file inside its version, for messages. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Exactly so many bytes from a position on; the caller stays within the file. Valid until the next call. */
  read(position: number, length: number): Promise<Uint8Array>;
}

const openFd: (path: string, flags: number) => Promise<number> = promisify(open);
const closeFd: (fd: number) => Promise<void> = promisify(close);
const fstatFd: (fd: number) => Promise<Stats> = promisify(fstat);

/** Never through a symbolic link, never waiting for the other end of a pipe. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Opens a file for as long as `work` takes.
 *
 * @throws {LarderError} BLOB_MISSING; BLOB_DAMAGED when its length is not the recorded one, or it is changed meanwhile; UNSAFE_PATH
 * for a link or anything else that is no regular file; what {@link diskError} makes of other answers; and whatever `work` throws.
 */
export async function withReader<T>(file: ModelFile, work: (reader: ByteReader) => Promise<T>): Promise<T> {
  const fd = await openFile(file);
  try {
    const before = await fstatFd(fd);
    if (!before.isFile()) throw unsafe(file);
    if (before.size !== file.sizeBytes) {
      throw damaged(file, `is ${before.size} bytes long, not ${file.sizeBytes}`);
    }
    const result = await work({
      path: file.path,
      sizeBytes: file.sizeBytes,
      read: (position, length) => readFully(fd, file, position, length),
    });
    const after = await fstatFd(fd);
    if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
      throw damaged(file, "changed while it was read");
    }
    return result;
  } finally {
    await closeFd(fd);
  }
}

async function openFile(file: ModelFile): Promise<number> {
  try {
    return await openFd(file.localPath, OPEN_FLAGS);
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      throw new LarderError("BLOB_MISSING", `Cannot read ${file.path}: it is not on the disk`, {
        cause: error,
      });
    }
    throw diskError(error, `read ${file.path}`);
  }
}

async function readFully(fd: number, file: ModelFile, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = await readSome(fd, bytes, filled, position + filled).catch((error) => {
      throw diskError(error, `read ${file.path}`);
    });
    if (count === 0) throw damaged(file, "became shorter while it was read");
    filled += count;
  }
  return bytes;
}

function readSome(fd: number, into: Uint8Array, filled: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, filled, into.byteLength - filled, position, (error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

function damaged(file: ModelFile, what: string): LarderError {
  return new LarderError("BLOB_DAMAGED", `Cannot read ${file.path}: it ${what}`, {
    hint: "Run `larder verify`, then `larder repair`.",
  });
}

function unsafe(file: ModelFile): LarderError {
  return new LarderError("UNSAFE_PATH", `Cannot read ${file.path}: it is not a regular file`, {
    hint: "Look at what was put in its place inside the home.",
  });
}
