import { dlopen, FFIType } from "bun:ffi";

const NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** The few calls of the C library that have no form in JavaScript; what a libc lacks does nothing. */
export interface Libc {
  /** The environment that native code reads; `process.env` is JavaScript's copy of it. */
  setEnvironment(name: string, value: string): void;
  /** Gives free memory of all arenas back to the system. @see malloc_trim(3), glibc only. */
  trim(): void;
  /**
   * From now on what native code takes in pieces of this size or more is given back as soon as it is freed. Left alone, the limit grows
   * with what was freed, up to 32 MiB, and below it memory stays with the process. @see mallopt(3), glibc only.
   */
  setMapThreshold(bytes: number): void;
}

/** `M_MMAP_THRESHOLD` of mallopt(3). */
const MAP_THRESHOLD = -3;

const NOTHING: Libc = { setEnvironment: () => {}, trim: () => {}, setMapThreshold: () => {} };

export function openLibc(): Libc {
  if (process.platform !== "linux") return NOTHING;
  const setenv = find("setenv", [FFIType.cstring, FFIType.cstring, FFIType.i32]);
  const mallopt = find("mallopt", [FFIType.i32, FFIType.i32]);
  const trim = find("malloc_trim", [FFIType.u64]);
  return {
    setEnvironment: (name, value) => void setenv?.(Buffer.from(`${name}\0`), Buffer.from(`${value}\0`), 1),
    trim: () => void trim?.(0),
    setMapThreshold: (bytes) => void mallopt?.(MAP_THRESHOLD, bytes),
  };
}

type Call = (...args: unknown[]) => unknown;

function find(name: string, args: FFIType[]): Call | undefined {
  for (const library of NAMES) {
    try {
      return dlopen(library, { [name]: { args, returns: FFIType.i32 } }).symbols[name] as Call;
    } catch {
      // Another libc has another name, and not every one has every call.
    }
  }
  return undefined;
}
