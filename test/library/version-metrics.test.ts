import { expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { VersionMetrics } from "../../src/core/index.ts";
import type { Library } from "../../src/library/index.ts";
import { openTestLibrary, type TestLibrary } from "../helpers/library.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

/** Imports a file whose content is its version's name. */
async function imported(
  { library, home }: TestLibrary,
  version: string,
  metrics?: VersionMetrics,
  variant = "default",
): Promise<void> {
  const path = join(home, `${variant}.bin`);
  writeFileSync(path, version + variant);
  let job = await library.importPath({
    ...{ path, model: "iris", version, variant },
    ...(metrics === undefined ? {} : { metrics }),
  });
  for await (job of library.watchJob(job.id));
  expect(job.error).toBeNull();
}

async function bestOf(library: Library): Promise<string> {
  return await library.describe("iris@best").then(({ version }) => version.version, (error) => error.code);
}

test("metrics given at an import are shown with the version, and best goes by them", async () => {
  await using larder = await openTestLibrary();
  const { library } = larder;
  await imported(larder, "1.0.0");
  expect(await bestOf(library)).toBe("VERSION_NOT_FOUND");
  await imported(larder, "1.1.0", { f1: 0.97, log_loss: 0.2 });
  await imported(larder, "1.2.0", { f1: 0.9, log_loss: 0.1 });
  const view = await library.describe("iris@best");
  expect([view.version.version, view.version.metrics]).toEqual(["1.1.0", { f1: 0.97, log_loss: 0.2 }]);
  expect(view.best).toEqual({ version: "1.1.0", metric: "f1" });
  expect(view.versions.map(({ version, metrics }) => [version, metrics])).toEqual([
    ["1.2.0", { f1: 0.9, log_loss: 0.1 }],
    ["1.1.0", { f1: 0.97, log_loss: 0.2 }],
    ["1.0.0", {}],
  ]);
  expect(library.serveFile("iris", "best", "default.bin")).toMatchObject({
    version: "1.1.0",
    immutable: false,
  });
});

test("best goes by the metric that the user named until that is removed", async () => {
  await using larder = await openTestLibrary();
  const { library } = larder;
  await imported(larder, "1.0.0", { f1: 0.97, log_loss: 0.2, size: 3 });
  await imported(larder, "2.0.0", { f1: 0.9, log_loss: 0.1, size: 4 });
  const changes: unknown[] = [];
  larder.events.subscribe((event) => changes.push(event));
  expect(await library.setBestMetric("iris", { metric: "log_loss" })).toEqual({
    model: "iris",
    alias: "best",
    version: "2.0.0",
    metric: "log_loss",
  });
  expect(changes).toEqual([{ type: "alias", model: "iris", alias: "best" }]);
  expect(await bestOf(library)).toBe("2.0.0");
  expect(library.serveFile("iris", "best", "default.bin")).toMatchObject({ version: "2.0.0" });
  await library.setBestMetric("iris", { metric: "size", better: "lower" });
  expect(await bestOf(library)).toBe("1.0.0");
  expect(await library.setBestMetric("iris", { metric: "unheard_of" })).toMatchObject({ version: null });
  expect(await bestOf(library)).toBe("VERSION_NOT_FOUND");
  await library.removeAlias("iris", "best");
  expect(await bestOf(library)).toBe("1.0.0");
});

test("an alias can be put where best is now", async () => {
  await using larder = await openTestLibrary();
  await imported(larder, "1.0.0", { f1: 0.97 });
  await imported(larder, "2.0.0", { f1: 0.9 });
  expect(await larder.library.setAlias("iris", "prod", "best")).toMatchObject({ version: "1.0.0" });
});

test("a metric given again replaces the old value, and what says nothing of metrics keeps them", async () => {
  await using larder = await openTestLibrary();
  await imported(larder, "1.0.0", { f1: 0.9, mae: 3 });
  await imported(larder, "1.0.0", { f1: 0.95, mse: 4 });
  await imported(larder, "1.0.0", undefined, "q4");
  await larder.library.setAlias("iris", "prod", "1.0.0");
  const { version } = await larder.library.describe("iris@1.0.0");
  expect(version.metrics).toEqual({ f1: 0.95, mae: 3, mse: 4 });
  expect(version.variants).toHaveLength(2);
});

test.each<[string, Record<string, number>, string]>([
  ["a value that is no number", { f1: NaN }, "BAD_INPUT"],
  ["a name with a space", { "f 1": 1 }, "BAD_NAME"],
])("%s is refused before anything is read", async (_, metrics, code) => {
  await using larder = await openTestLibrary();
  const request = { path: join(larder.home, "absent"), model: "iris", version: "1", metrics };
  const refused = await larder.library.importPath(request).then(() => "none", (error) => error.code);
  expect([refused, await larder.library.listJobs()]).toEqual([code, []]);
});

test.each<[string, string, string]>([
  ["a model that is not there", "nobody", "MODEL_NOT_FOUND"],
  ["a wrong name of a model", "../x", "BAD_NAME"],
])("best of %s is refused", async (_, model, code) => {
  await using larder = await openTestLibrary();
  const refused = await larder.library.setBestMetric(model, { metric: "f1" }).then(
    () => "",
    (error) => error.code,
  );
  expect(refused).toBe(code);
});

test("metrics are in the manifest, and back when the registry is built again", async () => {
  await using folder = await tempFolder();
  const home = join(folder.path, "home");
  {
    await using larder = await openTestLibrary({ home });
    await imported(larder, "1.0.0", { f1: 0.97 });
    await imported(larder, "2.0.0", { f1: 0.9 });
  }
  const manifest = JSON.parse(readFileSync(join(home, "manifests/iris/1.0.0.json"), "utf8"));
  expect(manifest.metrics).toEqual({ f1: 0.97 });
  for (const suffix of ["", "-wal", "-shm", ".state"]) {
    rmSync(join(home, `registry.sqlite${suffix}`), { force: true });
  }
  await using larder = await openTestLibrary({ home });
  const view = await larder.library.describe("iris@best");
  expect([view.version.version, view.version.metrics]).toEqual(["1.0.0", { f1: 0.97 }]);
});
