import { dlopen, FFIType } from "bun:ffi";

const SYNC_FILE_RANGE_WRITE = 2;
const MUSL_MACHINE: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** On Linux asks the kernel to begin writing a file's dirty pages, so that several files are written at once; elsewhere does nothing. */
export const startWriteback: (fd: number) => void = loadStartWriteback();

function loadStartWriteback(): (fd: number) => void {
  if (process.platform !== "linux") return () => {};
  const { i32, i64, u32 } = FFIType;
  for (const name of ["libc.so.6", `libc.musl-${MUSL_MACHINE[process.arch]}.so.1`]) {
    try {
      const { symbols } = dlopen(name, {
        sync_file_range: { args: [i32, i64, i64, u32], returns: i32 },
      });
      return (fd) => void symbols.sync_file_range(fd, 0n, 0n, SYNC_FILE_RANGE_WRITE);
    } catch {
      // The other C library, or none that has it. It is only a hint: the flush that follows does the same, file by file.
    }
  }
  return () => {};
}
