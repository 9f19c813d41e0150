import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { openRegistry, type PullRow, type Registry } from "../../src/registry/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { mountTmpfs, testMounting, testOnTmpfs } from "../helpers/tmpfs.ts";
import { findTool, testWith } from "../helpers/tools.ts";
import { codeOf, versionOf } from "./fixtures.ts";

const PULL: PullRow = {
  id: "p1",
  model: "iris",
  variant: "default",
  state: "running",
  createdAtS: 1,
  updatedAtS: 1,
  files: [],
};

/** The longest time that the event loop did not come round while `work` ran, in milliseconds. */
async function longestPauseMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await work();
  clearInterval(timer);
  return longest;
}

/** Another process that holds the write lock until its standard input ends. */
async function holdWriteLock(path: string): Promise<{ end(): Promise<void> }> {
  const script = `
    const { Database } = require("bun:sqlite");
    const db = new Database(${JSON.stringify(path)});
    db.run("BEGIN IMMEDIATE");
    console.log("locked");
    process.stdin.on("data", () => {}).on("end", () => { db.run("ROLLBACK"); process.exit(0); });
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdin: "pipe", stdout: "pipe" });
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    end: async () => {
      child.stdin.end();
      await child.exited;
    },
  };
}

test("P15: a write waits for a foreign writer while reads and the event loop go on", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const registry = await openRegistry({ path });
  await registry.setSetting("before", "1");
  const other = await holdWriteLock(path);
  let written = false;
  const write = registry.setSetting("after", "2").then(() => written = true);
  const pauseMs = await longestPauseMs(async () => {
    for (let n = 0; n < 50; n++) {
      expect(registry.getSetting("before")).toBe("1");
      expect(registry.getSetting("after")).toBeUndefined();
      await Bun.sleep(10);
    }
  });
  expect(written).toBe(false);
  // The promise is 50 ms; a busy test machine gets some more. Waiting on this thread would take all of the 500.
  expect(pauseMs).toBeLessThan(250);
  await other.end();
  await write;
  expect(registry.getSetting("after")).toBe("2");
  await registry.close();
}, 20_000);

test(
  "P15: a foreign writer that does not end gives BUSY after 5 s, retryable, and the next write succeeds",
  async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "registry.sqlite");
    const registry = await openRegistry({ path });
    const other = await holdWriteLock(path);
    const started = performance.now();
    const first = registry.setSetting("a", "1").catch((error) => error);
    await Bun.sleep(2000);
    const second = registry.setSetting("b", "1").catch((error) => error);
    expect(await first).toMatchObject({ code: "BUSY", retryable: true });
    const firstMs = performance.now() - started;
    expect(firstMs).toBeGreaterThan(4900);
    expect(firstMs).toBeLessThan(7000);
    expect(await second).toMatchObject({ code: "BUSY", retryable: true });
    expect(performance.now() - started).toBeLessThan(9000);
    await other.end();
    await registry.setSetting("a", "2");
    expect(registry.getSetting("a")).toBe("2");
    expect(registry.getSetting("b")).toBeUndefined();
    await registry.close();
  },
  20_000,
);

test("D22: nothing is written silently when the folder is removed", async () => {
  await using folder = await tempFolder();
  const home = join(folder.path, "home");
  await mkdir(home);
  const path = join(home, "registry.sqlite");
  const registry = await openRegistry({ path });
  await registry.setSetting("before", "1");
  await rm(home, { recursive: true });
  expect(await codeOf(registry.setSetting("after", "2"))).toBe("STORE_GONE");
  expect(registry.getSetting("before")).toBe("1");
  await mkdir(home);
  await Bun.write(path, "another file");
  expect(await codeOf(registry.setSetting("after", "2"))).toBe("STORE_GONE");
  await registry.close();
  expect(await Bun.file(path).text()).toBe("another file");
});

for (const suffix of ["", "-wal", "-shm"]) {
  test(`D22: nothing is written silently when registry.sqlite${suffix} is replaced`, async () => {
    await using folder = await tempFolder();
    const path = join(folder.path, "registry.sqlite");
    const registry = await openRegistry({ path });
    await registry.setSetting("before", "1");
    await rename(path + suffix, `${path}.elsewhere`);
    expect(await codeOf(registry.setSetting("after", "2"))).toBe("STORE_GONE");
    await rename(`${path}.elsewhere`, path + suffix);
    await registry.setSetting("after", "2");
    expect(registry.getSetting("after")).toBe("2");
    await registry.close();
  });
}

testOnTmpfs(
  { sizeBytes: 2 * 1024 * 1024 },
  "a full disk stops writes with NO_SPACE, not reads",
  async (disk) => {
    const registry = await openRegistry({ path: join(disk.path, "registry.sqlite") });
    await registry.putVersion(versionOf("iris", "1"));
    const big = "x".repeat(100_000);
    const codes = new Set<string>();
    for (let n = 0; n < 40; n++) codes.add(await codeOf(registry.setSetting(`k${n}`, big)));
    expect([...codes]).toEqual(["no error", "NO_SPACE"]);
    expect(registry.findModel("iris")?.versions).toHaveLength(1);
    await registry.close();
  },
);

testMounting("a read-only disk: reads answer, writes reject with READONLY", async () => {
  await using folder = await tempFolder();
  await using disk = mountTmpfs(folder.path);
  const path = join(disk.path, "registry.sqlite");
  const before = await openRegistry({ path });
  await before.putVersion(versionOf("iris", "1"));
  await before.close();
  disk.remount("ro");
  const registry = await openRegistry({ path, readonly: true });
  expect(registry.resolveVersion("iris", "latest")).toBe("1");
  expect(await codeOf(registry.putVersion(versionOf("iris", "2")))).toBe("READONLY");
  await registry.close();
  expect(await codeOf(openRegistry({ path }))).toBe("READONLY");
});

/** Runs a registry in another process that is killed; it prints "done" when `work` has been answered. */
async function killAfter(path: string, work: string): Promise<void> {
  const script = `
    import { openRegistry } from ${JSON.stringify(join(import.meta.dir, "../../src/registry/index.ts"))};
    const registry = await openRegistry({ path: ${JSON.stringify(path)} });
    ${work}
    console.log("done");
    setInterval(() => {}, 1000);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toContain("done");
  child.kill("SIGKILL");
  await child.exited;
}

test("writes that were answered survive kill -9, the ones of a progress note too", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  await killAfter(
    path,
    `await Promise.all(Array.from({ length: 300 }, (_, n) => registry.setSetting("k" + n, String(n))));
     await registry.putPull(${JSON.stringify(PULL)}, { durable: false });`,
  );
  const registry = await openRegistry({ path });
  for (let n = 0; n < 300; n++) expect(registry.getSetting(`k${n}`)).toBe(String(n));
  expect(registry.findPull("p1")).toEqual(PULL);
  await registry.close();
});

testWith(
  ["strace"],
  "a durable write is flushed, a progress note is not, and many writes share a flush",
  async () => {
    await using folder = await tempFolder();
    const flushes = async (work: string) => {
      const trace = join(folder.path, "trace");
      const path = join(folder.path, `${Bun.hash(work)}.sqlite`);
      const script = `
      import { openRegistry } from ${JSON.stringify(join(import.meta.dir, "../../src/registry/index.ts"))};
      const registry = await openRegistry({ path: ${JSON.stringify(path)} });
      await registry.setSetting("first", "1");
      ${work}
      process.kill(process.pid, "SIGKILL");
    `;
      const command = [findTool("strace")!, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", trace];
      await Bun.spawn([...command, process.execPath, "-e", script], { stderr: "inherit" }).exited;
      return (await Bun.file(trace).text()).split("\n").filter((line) => /f(data)?sync\(/.test(line)).length;
    };
    const none = await flushes("");
    const notes = await flushes(
      `for (let n = 0; n < 20; n++) await registry.putPull({ ...${
        JSON.stringify(PULL)
      }, updatedAtS: n }, { durable: false });`,
    );
    expect(notes).toBe(none);
    expect(await flushes(`for (let n = 0; n < 20; n++) await registry.setSetting("k", String(n));`)).toBe(
      none + 20,
    );
    const together = await flushes(
      `await Promise.all(Array.from({ length: 200 }, (_, n) => registry.setSetting("k" + n, "v")));`,
    );
    expect(together).toBeGreaterThan(none);
    expect(together).toBeLessThan(none + 20);
  },
  60_000,
);

test("a write that was awaited is seen by the next read", async () => {
  await using folder = await tempFolder();
  const registry: Registry = await openRegistry({ path: join(folder.path, "registry.sqlite") });
  for (let n = 0; n < 200; n++) {
    await registry.setSetting("n", String(n));
    expect(registry.getSetting("n")).toBe(String(n));
  }
  await registry.close();
});

test("readers leave the log free to be folded in", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "registry.sqlite");
  const registry = await openRegistry({ path });
  await registry.putVersion(versionOf("iris", "1"));
  expect(registry.findModel("iris")?.model).toBe("iris");
  expect(registry.resolveVersion("iris", "latest")).toBe("1");
  using other = new Database(path);
  expect(other.query("PRAGMA wal_checkpoint(TRUNCATE)").get()).toEqual({ busy: 0, log: 0, checkpointed: 0 });
  other.close();
  await registry.close();
});
