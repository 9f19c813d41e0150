import { expect, test } from "bun:test";
import { join } from "node:path";
import { openTestLibrary, type TestLibrary } from "../../helpers/library.ts";
import { linearOnnx } from "../../helpers/onnx-files.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/** A model's first load starts a process of its own, which takes its time on a busy machine. */
const TIMEOUT_MS = 60_000;

async function add({ library }: TestLibrary, model: string): Promise<void> {
  await using folder = await tempFolder();
  await Bun.write(join(folder.path, "model.onnx"), linearOnnx());
  await Bun.write(join(folder.path, "README.md"), model);
  const { id } = await library.importPath({ path: folder.path, model, version: "1.0.0" });
  for await (const { error } of library.watchJob(id)) expect(error).toBeNull();
}

/** What is known of a model's use once the library is closed and opened again. */
async function accessAfter(model: string, work: (larder: TestLibrary) => Promise<unknown>) {
  await using folder = await tempFolder();
  const home = join(folder.path, "home");
  await using first = await openTestLibrary({ home });
  await add(first, model);
  await work(first);
  await first.close();
  await using second = await openTestLibrary({ home });
  return { access: second.registry.accessOf(model)[0], hours: second.registry.usageHours() };
}

test("calls to a model and loads that somebody asked for are uses; its one load is timed", async () => {
  const startS = Date.now() / 1000;
  const { access, hours } = await accessAfter("acme/linear", async ({ library: { models } }) => {
    const request = { model: "acme/linear", inputs: [[1, 0, 0, 0]] };
    await models.load({ model: "acme/linear" });
    await Promise.all([models.predict(request), models.predict(request)]);
    await models.batchPredict({ model: "acme/linear", requests: [request] });
  });
  expect(access?.count).toBe(4);
  expect(access?.usedAtS).toBeGreaterThanOrEqual(startS);
  expect(access?.loadMs).toBeGreaterThan(0);
  expect(hours.reduce((sum, { count }) => sum + count, 0)).toBe(4);
}, TIMEOUT_MS);

test("preloading and reloading are no uses, but their loads are timed", async () => {
  const { access, hours } = await accessAfter("acme/linear", async ({ library: { models } }) => {
    await models.load({ model: "acme/linear" }, { isPreload: true });
    await models.reload({ model: "acme/linear" });
  });
  expect(access?.count).toBe(0);
  expect(access?.loadMs).toBeGreaterThan(0);
  expect(hours).toEqual([]);
}, TIMEOUT_MS);

test("every file that is served is a use of the variants it is part of, and of no hour", async () => {
  const { access, hours } = await accessAfter("acme/linear", async ({ library }) => {
    for (let time = 0; time < 3; time++) await library.serveFile("acme/linear", "latest", "model.onnx");
    await library.serveFile("acme/linear", "1.0.0", "README.md");
  });
  expect(access?.count).toBe(4);
  expect(hours).toEqual([]);
}, TIMEOUT_MS);

test("an engine that asks where the files are uses them", async () => {
  const { access, hours } = await accessAfter("acme/linear", async ({ library }) => {
    await library.path("acme/linear");
    await library.path("acme/linear:default", { layout: "hf" });
  });
  expect(access?.count).toBe(2);
  expect(hours).toEqual([]);
}, TIMEOUT_MS);
