import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { availableMemoryBytes } from "../../src/library/memory.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const MEMINFO = "MemTotal: 16777216 kB\nMemFree: 100 kB\nMemAvailable: 8388608 kB\n";

type Files = Readonly<Record<string, string>>;

/** What is available where the system's files say this; names are relative to `/sys/fs/cgroup`. */
async function available(own: string | undefined, cgroups: Files, meminfo = MEMINFO): Promise<number> {
  await using folder = await tempFolder();
  const at = (name: string) => join(folder.path, name);
  await Bun.write(at("meminfo"), meminfo);
  if (own !== undefined) await Bun.write(at("own"), own);
  for (const [name, text] of Object.entries(cgroups)) {
    await mkdir(dirname(at(`cgroup/${name}`)), { recursive: true });
    await Bun.write(at(`cgroup/${name}`), text);
  }
  return availableMemoryBytes({ meminfo: at("meminfo"), ownCgroups: at("own"), cgroup: at("cgroup") });
}

test("without a limit all that the system can give is available", async () => {
  expect(await available("0::/\n", {})).toBe(8 * GIB);
  expect(await available("0::/\n", { "memory.max": "max\n", "memory.current": "1000\n" })).toBe(8 * GIB);
  expect(await available(undefined, {})).toBe(8 * GIB);
});

test("cgroup 2: the limit of a container at the root of its own hierarchy counts", async () => {
  const files = { "memory.max": String(3 * GIB), "memory.current": String(GIB) };
  expect(await available("0::/\n", files)).toBe(2 * GIB);
});

test("cgroup 2: the limit of a service counts, and those of all groups around it", async () => {
  const inner = "system.slice/larder.service";
  const files = {
    [`${inner}/memory.max`]: String(4 * GIB),
    [`${inner}/memory.current`]: String(GIB),
    "system.slice/memory.max": "max",
    "system.slice/memory.current": String(2 * GIB),
  };
  expect(await available(`0::/${inner}\n`, files)).toBe(3 * GIB);
  expect(await available(`0::/${inner}\n`, { ...files, "system.slice/memory.max": String(4 * GIB) })).toBe(
    2 * GIB,
  );
});

test("cgroup 2: a process is slowed down at memory.high, so that is its limit", async () => {
  const files = {
    "memory.max": String(4 * GIB),
    "memory.high": String(2 * GIB),
    "memory.current": String(GIB),
  };
  expect(await available("0::/\n", files)).toBe(GIB);
});

test("file pages that nobody used for a while are given back, and count as available", async () => {
  const two = {
    "memory.max": String(GIB),
    "memory.current": String(1000 * MIB),
    "memory.stat": `anon ${300 * MIB}\nfile ${700 * MIB}\ninactive_file ${600 * MIB}\nactive_file ${
      100 * MIB
    }\n`,
  };
  expect(await available("0::/\n", two)).toBe(624 * MIB);
});

test("cgroup 1: the limit of the group with the memory controller counts", async () => {
  const own = "12:pids:/x\n4:cpu,cpuacct:/y\n3:memory:/docker/abc\n0::/z\n";
  const files = {
    "memory/docker/abc/memory.limit_in_bytes": String(2 * GIB),
    "memory/docker/abc/memory.usage_in_bytes": String(1500 * MIB),
    "memory/docker/abc/memory.stat": `inactive_file ${MIB}\ntotal_inactive_file ${500 * MIB}\n`,
    "memory/memory.limit_in_bytes": "9223372036854771712",
    "memory/memory.usage_in_bytes": String(9 * GIB),
    "z/memory.max": "1",
    "z/memory.current": "1",
  };
  expect(await available(own, files)).toBe(2 * GIB - 1000 * MIB);
});

test("cgroup 1: in a container that sees the path of the host, its own root counts", async () => {
  const own = "5:cpu,memory:/docker/abc\n";
  const files = {
    "memory/memory.limit_in_bytes": String(GIB),
    "memory/memory.usage_in_bytes": String(GIB / 4),
  };
  expect(await available(own, files)).toBe(GIB * 3 / 4);
});

test("more than the limit in use leaves nothing, and no less", async () => {
  expect(await available("0::/\n", { "memory.max": "1000", "memory.current": "2000" })).toBe(0);
});

test("a limit that changes is seen with the next look", async () => {
  await using folder = await tempFolder();
  const at = (name: string) => join(folder.path, name);
  const files = { meminfo: at("meminfo"), ownCgroups: at("own"), cgroup: folder.path };
  await Bun.write(files.meminfo, MEMINFO);
  await Bun.write(files.ownCgroups, "0::/\n");
  await Bun.write(at("memory.current"), String(GIB));
  await Bun.write(at("memory.max"), String(2 * GIB));
  expect(availableMemoryBytes(files)).toBe(GIB);
  await Bun.write(at("memory.max"), String(5 * GIB));
  expect(availableMemoryBytes(files)).toBe(4 * GIB);
});
