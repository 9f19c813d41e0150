import { dlopen, FFIType } from "bun:ffi";

/** Written bytes after which the kernel is asked to start flushing. */
const STEP_BYTES = 32 * 1024 * 1024;
const SYNC_FILE_RANGE_WRITE = 2;
const LIBC_NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

type SyncFileRange = (fd: number, offset: number, length: number, flags: number) => number;

/**
 * Asks the kernel to start writing early, so that the flush at the end has little left to do. Only a hint: where the call does
 * not exist nothing happens.
 *
 * @see sync_file_range(2), Linux only.
 */
export class WritebackHint {
  readonly #syncFileRange = openSyncFileRange();

  /** @param from Where the last hint for this file ended. @returns Where this one ends. */
  after(fd: number, from: number, frontBytes: number): number {
    if (frontBytes - from < STEP_BYTES) return from;
    this.#syncFileRange?.(fd, from, frontBytes - from, SYNC_FILE_RANGE_WRITE);
    return frontBytes;
  }
}

function openSyncFileRange(): SyncFileRange | undefined {
  if (process.platform !== "linux") return undefined;
  for (const name of LIBC_NAMES) {
    try {
      const { symbols } = dlopen(name, {
        sync_file_range: { args: [FFIType.i32, FFIType.i64, FFIType.i64, FFIType.u32], returns: FFIType.i32 },
      });
      return symbols.sync_file_range as unknown as SyncFileRange;
    } catch {
      // Another libc has another name; without any, the hint is not given.
    }
  }
  return undefined;
}
