import { test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, open, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { tempFolder } from "./temp-folder.ts";
import { canMount } from "./tmpfs.ts";
import { findTool } from "./tools.ts";

export interface Ext4 extends AsyncDisposable {
  readonly path: string;
  /** Lets the kernel find an error in it, which makes it read-only at once, whatever is open for writing. */
  fail(): Promise<void>;
}

/**
 * A test on an ext4 of its own in a file: unlike a remount, an error of the file system does not ask whether somebody writes.
 * Skipped, saying why, where that is not possible; with `LARDER_TEST_REQUIRE_TOOLS=1` it fails instead.
 *
 * @see ext4(5): `errors=remount-ro`, the default of Debian.
 */
export function testOnExt4(
  sizeBytes: number,
  name: string,
  work: (disk: Ext4) => Promise<unknown>,
  timeoutMs?: number,
): void {
  const reason = "needs root on Linux, losetup and mkfs.ext4 to mount a file system";
  const canRun = canMount() && existsSync("/dev/loop-control") && findTool("losetup") !== undefined &&
    findTool("mkfs.ext4") !== undefined;
  if (!canRun && process.env["LARDER_TEST_REQUIRE_TOOLS"] !== "1") {
    return test.skip(`${name} (${reason})`, () => {});
  }
  test(name, async () => {
    if (!canRun) throw new Error(`Cannot test: ${reason}`);
    await using folder = await tempFolder();
    await using disk = await mountExt4(folder.path, sizeBytes);
    await work(disk);
  }, timeoutMs);
}

async function mountExt4(folder: string, sizeBytes: number): Promise<Ext4> {
  const image = join(folder, "disk.img");
  await using file = await open(image, "wx");
  await file.truncate(sizeBytes);
  run("mkfs.ext4", "-q", image);
  const path = join(folder, "disk");
  await mkdir(path);
  const device = run("losetup", "--find", "--show", image);
  run("mount", "-o", "errors=remount-ro", device, path);
  return {
    path,
    fail: () => writeFile(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "1"),
    [Symbol.asyncDispose]: async () => {
      run("umount", "-l", path);
      run("losetup", "--detach", device);
    },
  };
}

function run(program: string, ...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([findTool(program) ?? program, ...args]);
  if (exitCode !== 0) throw new Error(`Cannot run ${program}: ${stderr.toString().trim()}`);
  return stdout.toString().trim();
}
