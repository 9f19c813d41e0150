import { expect, test } from "bun:test";
import type { TestLibraryOptions } from "../helpers/library.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { waitUntil } from "../helpers/wait.ts";
import { preloading } from "./preloading.ts";

const TIMEOUT_MS = 60_000;
const ROWS = [[5.1, 3.5, 1.4, 0.2]];

function home(path: string, countMax = 5): TestLibraryOptions {
  return { home: path, models: { cache: { countMax } } };
}

/** A process that uses these models, one after the other, and stops. */
async function useAndStop(path: string, models: readonly string[], uses: readonly string[]): Promise<void> {
  await using it = await preloading(models, home(path));
  await it.warm.start(true);
  for (const model of uses) await it.larder.library.models.predict({ model, inputs: ROWS });
}

test("what was loaded is loaded again by the next process, the most used first", async () => {
  await using folder = await tempFolder();
  await useAndStop(folder.path, ["a", "b", "c", "d"], ["a", "b", "c", "b", "c", "c"]);
  await using it = await preloading([], home(folder.path));
  await it.warm.start(true);
  expect((await it.preload.list()).queue.map(({ reference, origin, reason }) => [reference, origin, reason]))
    .toEqual(
      ["c", "b", "a"].map((model) => [`${model}@1:default`, "restart", "was loaded before the restart"]),
    );
  await it.preload.configure({ enabled: false });
  it.preload.start();
  await waitUntil(() => it.loaded().length === 3);
  expect(it.loaded()).toEqual(["c@1:default", "b@1:default", "a@1:default"]);
  // Nobody has used any of them yet: the most used is the last to go.
  const { order } = await it.larder.library.models.explain();
  expect(order.map(({ key }) => key)).toEqual(["a@1:default", "b@1:default", "c@1:default"]);
}, TIMEOUT_MS);

test("what has no room any more is let go, and so is what is not here any more", async () => {
  await using folder = await tempFolder();
  await useAndStop(folder.path, ["a", "b", "c"], ["a", "b", "c"]);
  await using it = await preloading([], home(folder.path, 1));
  await it.larder.library.remove("c");
  await it.warm.start(true);
  expect(await it.preload.process()).toMatchObject([
    { reference: "b@1:default", outcome: "loaded" },
    { reference: "a@1:default", outcome: "skipped" },
    { reference: "c@1:default", outcome: "skipped", reason: "is not here" },
  ]);
  expect((await it.preload.list()).queue).toEqual([]);
}, TIMEOUT_MS);

test("what was still waiting when the process ended is not forgotten", async () => {
  await using folder = await tempFolder();
  await useAndStop(folder.path, ["a", "b"], ["a", "b"]);
  {
    await using it = await preloading([], home(folder.path));
    await it.warm.start(true);
    await it.larder.library.models.load({ model: "b" });
  }
  await using it = await preloading([], home(folder.path));
  await it.warm.start(true);
  expect((await it.preload.list()).queue.map(({ reference }) => reference).sort()).toEqual([
    "a@1:default",
    "b@1:default",
  ]);
}, TIMEOUT_MS);

test("without warming it is forgotten", async () => {
  await using folder = await tempFolder();
  await useAndStop(folder.path, ["a"], ["a"]);
  for (const isWanted of [false, true]) {
    await using it = await preloading([], home(folder.path));
    await it.warm.start(isWanted);
    expect((await it.preload.list()).queue).toEqual([]);
  }
}, TIMEOUT_MS);

test("changed settings of the cache last, unless the next process is configured otherwise", async () => {
  await using folder = await tempFolder();
  {
    await using it = await preloading([], home(folder.path, 3));
    await it.warm.start(true);
    it.larder.library.models.configureCache({
      countMax: 7,
      policy: "lfu",
      failureBackoff: { baseMs: 5, maxMs: 6 },
    });
  }
  {
    await using it = await preloading([], home(folder.path, 3));
    await it.warm.start(true);
    expect(it.larder.library.models.configureCache({})).toMatchObject({
      ...{ countMax: 7, policy: "lfu", ttlS: 3600 },
      failureBackoff: { baseMs: 5, maxMs: 6 },
    });
  }
  await using it = await preloading([], home(folder.path, 4));
  expect(it.larder.library.models.configureCache({})).toMatchObject({ countMax: 4, policy: "lfu" });
}, TIMEOUT_MS);
