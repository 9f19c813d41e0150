import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { tinyGguf } from "../../helpers/model-files.ts";
import { mountTmpfs, testMounting, testOnTmpfs } from "../../helpers/tmpfs.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { openWatchWorld, type WatchWorld } from "./watching.ts";

setDefaultTimeout(30_000);

const gguf = (seed: number) => tinyGguf({ seed });

async function stateOf(world: WatchWorld): Promise<string> {
  return (await world.view()).state;
}

test("of a folder that goes nothing is forgotten, and it is watched again when it comes back", async () => {
  await using world = await openWatchWorld();
  await world.put({ "one.gguf": gguf(1), "two.gguf": gguf(2) });
  await world.untilModels("one", "two");
  await rename(world.folder, `${world.folder}.away`);
  await world.library().watched.lookNow();
  expect(await stateOf(world)).toBe("missing");
  await Bun.sleep(300); // much longer than files have to be gone
  expect(world.models()).toEqual(["one", "two"]);
  expect((await world.library().health()).reasons).toEqual([
    { part: "watched", reason: expect.stringContaining("it is not there") },
  ]);
  await rename(`${world.folder}.away`, world.folder);
  await rm(join(world.folder, "two.gguf"));
  await world.untilModels("one");
});

test("an empty folder in its place, as where a disk was mounted, makes nothing go", async () => {
  await using world = await openWatchWorld();
  await world.put({ "one.gguf": gguf(1) });
  await world.untilModels("one");
  await rename(world.folder, `${world.folder}.away`);
  await mkdir(world.folder);
  await world.library().watched.scan();
  await Bun.sleep(300);
  expect(await stateOf(world)).toBe("watched");
  expect(world.models()).toEqual(["one"]);
  // Not in the next process either, which has never seen the folder that was there before.
  await world.reopen();
  await world.library().watched.scan();
  await Bun.sleep(300);
  expect(world.models()).toEqual(["one"]);
  await rm(world.folder, { recursive: true });
  await rename(`${world.folder}.away`, world.folder);
  await waitUntil(async () => (await world.view()).files === 1);
  await rm(join(world.folder, "one.gguf"));
  await world.untilModels();
});

test("a link in the place of the folder is not followed", async () => {
  await using world = await openWatchWorld();
  await world.put({ "one.gguf": gguf(1) });
  await world.untilModels("one");
  const away = `${world.folder}.away`;
  await rename(world.folder, away);
  await Bun.write(join(away, "two.gguf"), gguf(2));
  await symlink(away, world.folder);
  await world.library().watched.lookNow();
  expect(await stateOf(world)).toBe("refused");
  await Bun.sleep(300);
  expect(world.models()).toEqual(["one"]);
});

test("links and folders that became links inside of it are not followed", async () => {
  await using world = await openWatchWorld();
  const outside = join(world.home, "..", "outside");
  await mkdir(outside);
  await Bun.write(join(outside, "secret.gguf"), gguf(9));
  await world.put({ "sub/secret.gguf": gguf(1) });
  await world.untilModels("sub");
  await rename(join(world.folder, "sub"), join(world.home, "..", "sub"));
  await symlink(outside, join(world.folder, "sub"));
  await symlink(join(outside, "secret.gguf"), join(world.folder, "direct.gguf"));
  await symlink(world.home, join(world.folder, "home"));
  await world.put({ "other.gguf": gguf(2) });
  await world.untilModels("other");
});

test("a watched folder that leads into the home is refused, and a home inside of it is passed over", async () => {
  await using world = await openWatchWorld();
  await world.put({ "one.gguf": gguf(1) });
  await world.untilModels("one");
  const way = join(world.home, "..", "way");
  await symlink(world.home, way);
  await world.reopen({ folders: [join(way, "views")] });
  await world.library().watched.scan();
  expect(["refused", "missing"]).toContain(await stateOf(world));
  await world.library().path("one");
  await world.library().watched.scan();
  expect(await stateOf(world)).toBe("refused");
  await world.reopen({ folders: [join(world.home, "..")] });
  await waitUntil(async () => (await world.view()).state === "watched");
  await waitUntil(() => world.models().includes("models"));
  expect((await world.view()).files).toBe(1);
});

test("nothing is taken of a folder inside that cannot be read, and nothing of it is forgotten", async () => {
  await using world = await openWatchWorld();
  await world.put({ "sub/one.gguf": gguf(1), "two.gguf": gguf(2) });
  await world.untilModels("sub", "two");
  // Deeper than is looked: the same as one whose permission was taken away, which root would not notice.
  const deep = Array.from({ length: 20 }, (_, depth) => `d${depth}`).join("/");
  await world.put({ [`deep/${deep}/x.gguf`]: gguf(3) });
  await waitUntil(async () => (await world.view()).refused.some(({ error }) => error.code === "TOO_MANY"));
  expect(world.models()).toEqual(["sub", "two"]);
});

test("files are found without events, and what events cannot tell is found by looking", async () => {
  await using world = await openWatchWorld({ start: false });
  await world.put({ "one.gguf": gguf(1) });
  expect(await world.library().watched.lookNow()).toBe(true);
  expect(world.pending()).toEqual([
    { model: "one", path: join(world.folder, "one.gguf"), size_bytes: 480, state: "settling" },
  ]);
  expect(await world.library().watched.lookNow()).toBe(false);
  await world.put({ "two.gguf": gguf(2) });
  expect(await world.library().watched.lookNow()).toBe(true);
  expect(world.pending().map(({ model }) => model)).toEqual(["one", "two"]);
});

test("a folder that holds a model and thousands of other files is told, and not taken", async () => {
  await using world = await openWatchWorld();
  const others = Array.from({ length: 2000 }, (_, index) => [`m/${index}.txt`, "x"]);
  await world.put({ ...Object.fromEntries(others), "m/m.gguf": gguf(1) });
  await waitUntil(async () => (await world.view()).refused.length === 1);
  expect((await world.view()).refused[0]?.error.code).toBe("TOO_MANY");
  expect(world.models()).toEqual([]);
});

testOnTmpfs(
  { sizeBytes: 8 * 2 ** 20 },
  "while the disk of the home is full nothing is taken, and it is told; then it is",
  async (disk) => {
    await using world = await openWatchWorld({ home: join(disk.path, "home") });
    const filler = join(disk.path, "filler");
    await Bun.write(filler, new Uint8Array(5 * 2 ** 20));
    await world.put({ "large.gguf": tinyGguf({ bytes: 6 * 2 ** 20 }) });
    await waitUntil(async () => (await world.view()).refused.length === 1);
    const { refused, pending } = await world.view();
    expect([refused[0]?.error.code, pending[0]?.state]).toEqual(["NO_SPACE", "waiting"]);
    await rm(filler);
    await world.reopen();
    await world.untilModels("large");
  },
);

testMounting("a disk that is unmounted takes no model with it", async () => {
  await using world = await openWatchWorld();
  {
    await using _disk = mountTmpfs(world.folder);
    await world.reopen();
    await world.put({ "one.gguf": gguf(1), "two.gguf": gguf(2) });
    await world.untilModels("one", "two");
  }
  // Nobody tells of it.
  await waitUntil(async () => (await world.view()).files === 0);
  await Bun.sleep(300); // much longer than files have to be gone
  expect(await world.view()).toMatchObject({ state: "watched", files: 0 });
  expect(world.models()).toEqual(["one", "two"]);
});
