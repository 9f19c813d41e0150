import { test } from "bun:test";
import { join } from "node:path";
import { mkdir } from "node:fs/promises";
import { tempFolder } from "./temp-folder.ts";

export interface TmpfsOptions {
  readonly sizeBytes?: number;
  /** How many files and folders it can hold, its own root included. */
  readonly inodes?: number;
}

export interface Tmpfs extends AsyncDisposable {
  readonly path: string;
  remount(access: "ro" | "rw"): void;
}

/** Mounts a small file system in memory on an existing folder; needs root on Linux. Unmounted at the end, even when it is in use. */
export function mountTmpfs(path: string, options: TmpfsOptions = {}): Tmpfs {
  const parts = [
    "mode=0700",
    ...(options.sizeBytes === undefined ? [] : [`size=${options.sizeBytes}`]),
    ...(options.inodes === undefined ? [] : [`nr_inodes=${options.inodes}`]),
  ];
  run("mount", "-t", "tmpfs", "-o", parts.join(","), "tmpfs", path);
  return {
    path,
    remount: (access) => run("mount", "-o", `remount,${access}`, path),
    [Symbol.asyncDispose]: async () => run("umount", "-l", path),
  };
}

/** True where {@link mountTmpfs} works. */
export function canMount(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0 && Bun.which("mount") !== null;
}

/**
 * A test in a small file system of its own. Skipped, saying why, where mounting is not allowed; with
 * `LARDER_TEST_REQUIRE_TOOLS=1` it fails instead.
 */
export function testOnTmpfs(
  options: TmpfsOptions,
  name: string,
  work: (disk: Tmpfs) => Promise<unknown>,
  timeoutMs?: number,
): void {
  testMounting(name, async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "disk");
    await mkdir(path);
    await using disk = mountTmpfs(path, options);
    await work(disk);
  }, timeoutMs);
}

/** A test that mounts by itself; skipped or failed like {@link testOnTmpfs}. */
export function testMounting(name: string, work: () => Promise<unknown>, timeoutMs?: number): void {
  const reason = "needs root on Linux to mount a file system";
  if (canMount()) return test(name, work, timeoutMs);
  if (process.env["LARDER_TEST_REQUIRE_TOOLS"] !== "1") return test.skip(`${name} (${reason})`, work);
  test(name, () => {
    throw new Error(`Cannot test: ${reason}`);
  });
}

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`Cannot run ${command.join(" ")}: ${stderr.toString().trim()}`);
}
