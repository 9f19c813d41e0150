import { expect, test } from "bun:test";
import { resolve } from "node:path";

const LIBC = resolve(import.meta.dir, "../../src/runtimes/native/libc.ts");
/** Whether the C library took pieces of 8 MiB from the system one by one; the first one was freed before. */
const PROGRAM = `
  import { dlopen, read } from "bun:ffi";
  import { openLibc } from ${JSON.stringify(LIBC)};
  const { malloc, free } = dlopen("libc.so.6", {
    malloc: { args: ["u64"], returns: "ptr" },
    free: { args: ["ptr"], returns: "void" },
  }).symbols;
  if (Bun.argv.includes("fixed")) openLibc().setMapThreshold(4 * 2 ** 20);
  const isMapped = [1, 2].map(() => {
    const piece = malloc(8 * 2 ** 20);
    // The word before a piece holds its size; its second bit says that it is a mapping of its own.
    const mapped = (read.u64(piece, -8) & 2n) !== 0n;
    free(piece);
    return mapped;
  });
  console.log(JSON.stringify(isMapped));
`;

/** In a process of its own, because it is about all of the process's memory. */
function run(...args: string[]): unknown {
  const { stdout } = Bun.spawnSync([process.execPath, "-e", PROGRAM, ...args]);
  return JSON.parse(stdout.toString());
}

test.if(process.platform === "linux")(
  "large pieces of native memory go back to the system each time they are freed",
  () => {
    expect(run("fixed")).toEqual([true, true]);
    // Left alone, the C library keeps pieces of the size that was freed once.
    expect(run()).toEqual([true, false]);
  },
);
