import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFile, open, rename, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../../src/core/index.ts";
import { deriveVersion } from "../../../src/library/version-writer.ts";
import { tinyGguf } from "../../helpers/model-files.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { openWatchWorld } from "./watching.ts";

setDefaultTimeout(30_000);

const [A, B, C] = [1, 2, 3].map((seed) => tinyGguf({ seed })) as [Uint8Array, Uint8Array, Uint8Array];
const versionOf = (bytes: Uint8Array, path = "tiny.gguf") => deriveVersion([{ path, digest: sha256(bytes) }]);

test("a file that changes is a new version, the one before is kept, and older ones are not", async () => {
  await using world = await openWatchWorld();
  const latest = () => world.registry().resolveVersion("tiny", "latest");
  await world.put({ "tiny.gguf": A });
  await world.untilModels("tiny");
  await world.put({ "tiny.gguf": B });
  await waitUntil(() => latest() === versionOf(B));
  expect(world.versions("tiny")).toEqual([versionOf(B), versionOf(A)]);
  await world.put({ "tiny.gguf": C });
  await waitUntil(() => latest() === versionOf(C) && world.versions("tiny").length === 2);
  expect(world.versions("tiny")).toEqual([versionOf(C), versionOf(B)]);
});

test("what comes back is the latest again", async () => {
  await using world = await openWatchWorld();
  const latest = () => world.registry().resolveVersion("tiny", "latest");
  for (const bytes of [A, B, A]) {
    await world.put({ "tiny.gguf": bytes });
    await waitUntil(() => latest() === versionOf(bytes));
  }
  expect(world.versions("tiny")).toEqual([versionOf(A), versionOf(B)]);
});

test("an earlier version that somebody named stays", async () => {
  await using world = await openWatchWorld();
  await world.put({ "tiny.gguf": A });
  await world.untilModels("tiny");
  await world.library().setAlias("tiny", "stable", "latest");
  for (const bytes of [B, C]) {
    await world.put({ "tiny.gguf": bytes });
    await waitUntil(() => world.registry().resolveVersion("tiny", "latest") === versionOf(bytes));
  }
  expect(world.versions("tiny").toSorted()).toEqual([A, B, C].map((bytes) => versionOf(bytes)).toSorted());
});

test("a file that grows slowly is pending in the listing, and taken only when it is whole", async () => {
  await using world = await openWatchWorld({ settleMs: 300 });
  const bytes = tinyGguf({ bytes: 40_000 });
  const place = join(world.folder, "slow.gguf");
  const file = await open(place, "w");
  const states = new Set<string>();
  for (let sent = 0; sent < bytes.length; sent += 1000) {
    await file.write(bytes, sent, 1000);
    await Bun.sleep(20);
    await world.library().watched.lookNow();
    for (const { model, state } of world.pending()) states.add(`${model} ${state}`);
    expect(world.models()).toEqual([]);
  }
  await file.close();
  expect([...states]).toEqual(["slow settling"]);
  await world.untilModels("slow");
  expect(world.versions("slow")).toEqual([versionOf(bytes, "slow.gguf")]);
});

test("a folder that is filled bit by bit comes to one version with all of it", async () => {
  await using world = await openWatchWorld();
  await world.put({ "tiny/tiny-Q4_K_M.gguf": A });
  await world.untilModels("tiny");
  await world.put({ "tiny/tiny-Q8_0.gguf": B });
  await waitUntil(() => {
    const [version = ""] = world.versions("tiny");
    return world.registry().findVersion("tiny", version)?.variants.length === 2 &&
      world.versions("tiny").length === 1;
  });
});

test("an unfinished file in a model's folder holds it up only while it changes", async () => {
  await using world = await openWatchWorld({ settleMs: 300 });
  await world.put({ "tiny/tiny.gguf": A, "tiny/more.gguf.part": "1" });
  for (let turn = 0; turn < 10; turn++) {
    await appendFile(join(world.folder, "tiny/more.gguf.part"), "1");
    await Bun.sleep(60);
    expect(world.models()).toEqual([]);
  }
  await world.untilModels("tiny");
  const [version = ""] = world.versions("tiny");
  expect(world.registry().findVersion("tiny", version)?.files.map(({ path }) => path)).toEqual(["tiny.gguf"]);
});

test("a file beside which a downloader keeps its notes is not taken, however long it rests", async () => {
  await using world = await openWatchWorld();
  await world.put({
    "tiny.gguf": A,
    "tiny.gguf.aria2": "notes",
    "m/x.gguf": B,
    "m/x.gguf.part": "",
    "z.gguf": C,
  });
  await waitUntil(() => world.models().length === 1);
  await Bun.sleep(300); // much longer than files have to rest
  expect(world.models()).toEqual(["z"]);
  expect(world.pending().map(({ model, state }) => [model, state])).toEqual([
    ["m", "settling"],
    ["tiny", "settling"],
  ]);
  await rm(join(world.folder, "tiny.gguf.aria2"));
  await rm(join(world.folder, "m/x.gguf.part"));
  await world.untilModels("m", "tiny", "z");
});

test("after a restart only what changed meanwhile is taken again", async () => {
  await using world = await openWatchWorld();
  await world.put({ "one.gguf": A, "two.gguf": B, "three.gguf": C });
  await world.untilModels("one", "three", "two");
  const before = (await world.view()).models;
  await world.close();
  await writeFile(join(world.folder, "one.gguf"), C);
  await rm(join(world.folder, "two.gguf"));
  await world.reopen();
  await world.untilModels("one", "three");
  const [one, three] = (await world.view()).models;
  expect(world.versions("one")).toEqual([versionOf(C, "one.gguf"), versionOf(A, "one.gguf")]);
  expect(three).toEqual(before[1] as never);
  expect(one?.taken_at).toBeGreaterThan(before[0]?.taken_at ?? Infinity);
});

test("a file that was touched and is the same makes no other version", async () => {
  await using world = await openWatchWorld();
  await world.put({ "tiny.gguf": A });
  await world.untilModels("tiny");
  const takenAt = async () => (await world.view()).models[0]?.taken_at ?? 0;
  const before = await takenAt();
  await utimes(join(world.folder, "tiny.gguf"), 1, 1);
  await waitUntil(async () => await takenAt() > before);
  expect(world.versions("tiny")).toEqual([versionOf(A)]);
});

test("a renamed file is a model of its new name", async () => {
  await using world = await openWatchWorld();
  await world.put({ "tiny.gguf": A });
  await world.untilModels("tiny");
  await rename(join(world.folder, "tiny.gguf"), join(world.folder, "small.gguf"));
  await world.untilModels("small");
});

test("what a user removes here stays away until its file changes", async () => {
  await using world = await openWatchWorld();
  await world.put({ "tiny.gguf": A });
  await world.untilModels("tiny");
  await world.library().remove("tiny");
  await world.put({ "other.gguf": B });
  await world.untilModels("other");
  expect((await world.view()).models.map(({ model, removed }) => [model, removed])).toEqual([
    ["other", false],
    ["tiny", true],
  ]);
  await world.put({ "tiny.gguf": C });
  await world.untilModels("other", "tiny");
});

test("with hard links the version before goes, because its bytes may have changed with the file", async () => {
  await using world = await openWatchWorld({ mode: "hardlink" });
  await world.put({ "tiny.gguf": A });
  await world.untilModels("tiny");
  await world.put({ "tiny.gguf": B });
  await waitUntil(() => JSON.stringify(world.versions("tiny")) === JSON.stringify([versionOf(B)]));
});

test("a version that came from elsewhere too stays when its file goes", async () => {
  await using world = await openWatchWorld();
  await world.put({ "tiny.gguf": A });
  await world.untilModels("tiny");
  const elsewhere = join(world.home, "..", "tiny.gguf");
  await writeFile(elsewhere, A);
  const { id } = await world.library().importPath({ path: elsewhere, model: "tiny" });
  await waitUntil(async () => (await world.library().getJob(id)).state === "done");
  expect(world.versions("tiny")).toEqual([versionOf(A)]);
  await rm(join(world.folder, "tiny.gguf"));
  await waitUntil(async () => (await world.view()).models.length === 0);
  expect(world.versions("tiny")).toEqual([versionOf(A)]);
});
