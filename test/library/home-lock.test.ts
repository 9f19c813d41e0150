import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LarderError } from "../../src/core/index.ts";
import { acquireHomeLock } from "../../src/library/home-lock.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const SOURCE = JSON.stringify(join(import.meta.dir, "../../src/library/home-lock.ts"));

/** A process that takes the home, says so, and keeps it until it is told to release or killed. */
async function owner(home: string, verb: string, waitMs = 0) {
  const script = `
    import { acquireHomeLock } from ${SOURCE};
    const lock = await acquireHomeLock({ home: ${JSON.stringify(home)}, verb: ${
    JSON.stringify(verb)
  }, waitMs: ${waitMs} });
    console.log("taken");
    await new Promise((resolve) => process.stdin.on("data", () => {}).on("end", resolve));
    await lock.release();
    process.exit(0);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const taken = child.stdout.getReader().read().then(({ value }) =>
    new TextDecoder().decode(value).trim() === "taken"
  );
  return {
    pid: child.pid,
    taken,
    stop: async () => {
      child.stdin.end();
      expect(await child.exited).toBe(0);
    },
    kill: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function errorOf(promise: Promise<unknown>): Promise<LarderError> {
  const error = await promise.then(() => undefined, (reason) => reason);
  if (error instanceof LarderError) return error;
  throw new Error(`Not refused: ${error}`);
}

test("P09: the second owner waits, then is refused, and is told who has the home", async () => {
  await using folder = await tempFolder();
  const first = await owner(folder.path, "serve");
  expect(await first.taken).toBe(true);
  const started = performance.now();
  const error = await errorOf(acquireHomeLock({ home: folder.path, verb: "pull", waitMs: 400 }));
  expect(performance.now() - started).toBeGreaterThanOrEqual(400);
  expect(error).toMatchObject({
    code: "HOME_LOCKED",
    retryable: true,
    details: { pid: first.pid, verb: "serve" },
  });
  expect(error.message).toContain(String(first.pid));
  expect(error.message).toContain("serve");
  await first.stop();
});

test("P09: the second owner gets the home when the first ends within its wait", async () => {
  await using folder = await tempFolder();
  const first = await owner(folder.path, "pull");
  expect(await first.taken).toBe(true);
  const second = acquireHomeLock({ home: folder.path, verb: "serve", waitMs: 20_000 });
  await Bun.sleep(150);
  await first.stop();
  const lock = await second;
  expect(JSON.parse(readFileSync(join(folder.path, "owner.json"), "utf8"))).toMatchObject({
    pid: process.pid,
    verb: "serve",
  });
  await lock.release();
  expect(existsSync(join(folder.path, "owner.json"))).toBe(false);
});

test("P09: of many that wait, one after the other gets the home, never two", async () => {
  await using folder = await tempFolder();
  let inside = 0;
  let most = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    const lock = await acquireHomeLock({ home: folder.path, verb: "pull", waitMs: 20_000 });
    most = Math.max(most, ++inside);
    await Bun.sleep(5);
    inside--;
    await lock.release();
  }));
  expect(most).toBe(1);
});

test("P09: two processes that wait for the same owner do not block each other", async () => {
  await using folder = await tempFolder();
  const lock = await acquireHomeLock({ home: folder.path, verb: "serve", waitMs: 0 });
  const waiting = await Promise.all([1, 2, 3].map(() => owner(folder.path, "pull", 30_000)));
  await Bun.sleep(500);
  await lock.release();
  for (let left = [...waiting]; left.length > 0;) {
    const winner = await Promise.race(left.map((one) => one.taken.then(() => one)));
    expect(await winner.taken).toBe(true);
    await winner.stop();
    left = left.filter((one) => one !== winner);
  }
}, 40_000);

test("P10: the home is free right after kill -9, without any manual step", async () => {
  await using folder = await tempFolder();
  const first = await owner(folder.path, "serve");
  expect(await first.taken).toBe(true);
  expect((await errorOf(acquireHomeLock({ home: folder.path, verb: "pull", waitMs: 0 }))).code).toBe(
    "HOME_LOCKED",
  );
  await first.kill();
  expect(existsSync(join(folder.path, "owner.json"))).toBe(true);
  const lock = await acquireHomeLock({ home: folder.path, verb: "pull", waitMs: 0 });
  await lock.release();
});

test("the same process cannot take a home twice, and can again after it released it", async () => {
  await using folder = await tempFolder();
  const lock = await acquireHomeLock({ home: folder.path, verb: "serve", waitMs: 0 });
  expect((await errorOf(acquireHomeLock({ home: folder.path, verb: "serve", waitMs: 0 }))).code).toBe(
    "HOME_LOCKED",
  );
  const other = await owner(folder.path, "pull");
  expect(await other.taken).toBe(false);
  await lock.release();
  await (await acquireHomeLock({ home: folder.path, verb: "serve", waitMs: 0 })).release();
});

test("waiting ends when the signal aborts", async () => {
  await using folder = await tempFolder();
  const lock = await acquireHomeLock({ home: folder.path, verb: "serve", waitMs: 0 });
  const reason = new LarderError("CANCELLED", "Cannot wait any longer");
  const stop = new AbortController();
  const waiting = acquireHomeLock({ home: folder.path, verb: "pull", waitMs: 60_000, signal: stop.signal });
  setTimeout(() => stop.abort(reason), 100);
  expect(await errorOf(waiting)).toBe(reason);
  await lock.release();
});

for (const umask of [0, 0o777]) {
  test(`S19: home and lock are for their user only under umask ${umask.toString(8)}`, async () => {
    await using folder = await tempFolder();
    const home = join(folder.path, "home");
    const before = process.umask(umask);
    try {
      const lock = await acquireHomeLock({ home, verb: "serve", waitMs: 0 });
      const mode = (path: string) => statSync(path).mode & 0o777;
      expect(mode(home)).toBe(0o700);
      expect(mode(join(home, "lock"))).toBe(0o600);
      expect(mode(join(home, "owner.json"))).toBe(0o600);
      await lock.release();
    } finally {
      process.umask(before);
    }
  });
}

test("a home below folders that do not exist yet is made", async () => {
  await using folder = await tempFolder();
  const home = join(folder.path, "a/b/home");
  await (await acquireHomeLock({ home, verb: "serve", waitMs: 0 })).release();
  expect(statSync(join(home, "lock")).size).toBe(0);
});

test("S19: a link or a folder in place of the lock is refused and its target untouched", async () => {
  await using folder = await tempFolder();
  const target = join(folder.path, "target");
  writeFileSync(target, "outside");
  for (
    const [name, plant] of Object.entries({
      link: (path: string) => symlinkSync(target, path),
      folder: (path: string) => mkdirSync(path),
    })
  ) {
    const home = join(folder.path, name);
    mkdirSync(home);
    plant(join(home, "lock"));
    const error = await errorOf(acquireHomeLock({ home, verb: "serve", waitMs: 0 }));
    expect(error.code).toBe("UNSAFE_PATH");
  }
  expect(readFileSync(target, "utf8")).toBe("outside");
});

test("a note of the owner that makes no sense is passed over", async () => {
  await using folder = await tempFolder();
  const lock = await acquireHomeLock({ home: folder.path, verb: "serve", waitMs: 0 });
  for (const note of ["", "{", '{"pid":"x"}', '{"pid":1,"verb":"\\u001b[31mforged","started_at":1}']) {
    writeFileSync(join(folder.path, "owner.json"), note);
    const error = await errorOf(acquireHomeLock({ home: folder.path, verb: "pull", waitMs: 0 }));
    expect(error.code).toBe("HOME_LOCKED");
    expect(error.details).toBeUndefined();
  }
  await lock.release();
});
