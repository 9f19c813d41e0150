import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { LocalEvents, Semaphore, sha256, systemClock } from "../../../src/core/index.ts";
import { VersionWriter } from "../../../src/library/version-writer.ts";
import { WatchedFolder, type WatchedFolderOptions } from "../../../src/library/watched/watched-folder.ts";
import { createRuntimes } from "../../../src/runtimes/index.ts";
import type { BlobStore } from "../../../src/store/index.ts";
import { tinyGguf } from "../../helpers/model-files.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { openWatchWorld, type WatchWorld } from "./watching.ts";

setDefaultTimeout(30_000);

/** A folder watched beside the library's own, which is not started; until the test ends. */
function watching(
  world: WatchWorld,
  options: Partial<WatchedFolderOptions> = {},
  importFile: BlobStore["importFile"] = (...args) => world.store().importFile(...args),
) {
  const [registry, store] = [world.registry(), world.store()];
  const stopping = new AbortController();
  const runtimes = createRuntimes({ home: world.home });
  const versions = new VersionWriter({ registry, store, events: new LocalEvents(), clock: systemClock });
  const taking = new Proxy(store, {
    get: (target, name: keyof BlobStore) => name === "importFile" ? importFile : target[name].bind(target),
  });
  const deps = { registry, store: taking, versions, runtimes, nowS: systemClock.nowS };
  const { folder, home } = world;
  const watched = new WatchedFolder(deps, {
    ...{ folder, home, mode: "auto", settleMs: 50, clock: systemClock, takes: new Semaphore(1) },
    ...options,
  }, stopping.signal);
  const running = watched.run();
  return {
    watched,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await running;
      await runtimes.close();
    },
  };
}

test("where the system has no watches to give, it is looked again and again", async () => {
  await using world = await openWatchWorld({ start: false });
  const openWatcher = () => {
    throw Object.assign(new Error("no more watches"), { code: "ENOSPC" });
  };
  await using run = watching(world, { openWatcher });
  await waitUntil(() => run.watched.view().state === "watched");
  expect(run.watched.view().noticed_by).toBe("looks");
  await world.put({ "tiny.gguf": tinyGguf() });
  await waitUntil(() => world.models().length === 1);
});

test("a watcher that fails later is done without", async () => {
  await using world = await openWatchWorld({ start: false });
  const watcher = Object.assign(new EventTarget(), {
    failures: [] as Array<(error: Error) => void>,
    on: (_: string, listener: (error: Error) => void) => watcher.failures.push(listener),
    close: () => {},
  });
  await using run = watching(world, { openWatcher: () => watcher as never });
  await waitUntil(() => run.watched.view().noticed_by === "events");
  for (const fail of watcher.failures) fail(new Error("overflow"));
  expect(run.watched.view().noticed_by).toBe("looks");
  run.watched.ring();
  await world.put({ "tiny.gguf": tinyGguf() });
  await waitUntil(() => world.models().length === 1);
});

test("F22: a file that changes while it is taken is not taken as it was, and nothing of it is left", async () => {
  await using world = await openWatchWorld({ start: false });
  const bytes = tinyGguf();
  const digests: string[] = [];
  let isOver = false;
  const importFile: BlobStore["importFile"] = async (path, options) => {
    const imported = await world.store().importFile(path, options);
    digests.push(imported.digest);
    if (!isOver) await appendFile(path, "x");
    return imported;
  };
  await using _run = watching(world, {}, importFile);
  await world.put({ "tiny.gguf": bytes });
  await waitUntil(() => digests.length > 0);
  // What was appended makes it no sound model any more.
  await waitUntil(() => _run.watched.view().refused.length === 1 || _run.watched.pending().length === 1);
  await waitUntil(async () => !await Bun.file(world.store().blobPath(sha256(bytes))).exists());
  expect(world.models()).toEqual([]);
  isOver = true;
  await world.put({ "tiny.gguf": bytes });
  await waitUntil(() => world.models().length === 1);
});

test("a writer that rests for long is refused until its file is whole", async () => {
  await using world = await openWatchWorld({ start: false });
  await using run = watching(world);
  const bytes = tinyGguf({ bytes: 20_000 });
  await world.put({ "tiny.gguf": bytes.slice(0, 10_000) });
  await waitUntil(() => run.watched.view().refused.length === 1);
  expect(run.watched.view().refused).toMatchObject([{ error: { code: "MODEL_BROKEN" } }]);
  expect(run.watched.pending()).toEqual([]);
  await appendFile(join(world.folder, "tiny.gguf"), bytes.slice(10_000));
  await waitUntil(() => world.models().length === 1);
  expect(run.watched.view().refused).toEqual([]);
});
