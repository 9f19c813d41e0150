import { closeSync, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { systemCode } from "../core/index.ts";
import { OPEN_TO_READ } from "./descriptors.ts";

const READ_BYTES = 1024 * 1024;
/** A thread looks at its messages, and at its other jobs, after so many bytes. */
const TURN_BYTES = 8 * 1024 * 1024;

/** One buffer for all jobs of a thread: reading and hashing a piece is one synchronous step. */
export class Reader {
  readonly #buffer = new Uint8Array(READ_BYTES);
  #sinceTurn = 0;

  /** Reads up to `maxBytes` at an offset. The bytes are valid until the next read; empty at the end of the file. */
  read(fd: number, offset: number, maxBytes: number): Uint8Array {
    const length = readSync(fd, this.#buffer, 0, Math.min(maxBytes, READ_BYTES), offset);
    this.#sinceTurn += length;
    return this.#buffer.subarray(0, length);
  }

  /** Undefined until the thread has read enough; then a promise that lets everybody else have a turn. */
  turn(): Promise<void> | undefined {
    if (this.#sinceTurn < TURN_BYTES) return undefined;
    this.#sinceTurn = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }
}

/** Opens a file of the store by path; undefined when there is none, or something that is no regular file (`entry` absent then). */
export function openRegular(
  path: string,
): { readonly fd: number; readonly entry: Stats } | "missing" | "other" {
  let fd: number;
  try {
    fd = openSync(path, OPEN_TO_READ);
  } catch (error) {
    const errno = systemCode(error) ?? "";
    if (errno === "ENOENT") return "missing";
    if (["ELOOP", "EISDIR", "ENXIO", "ENOTDIR"].includes(errno)) return "other";
    throw error;
  }
  const entry = fstatSync(fd);
  if (entry.isFile()) return { fd, entry };
  closeSync(fd);
  return "other";
}
