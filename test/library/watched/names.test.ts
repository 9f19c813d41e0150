import { expect, setDefaultTimeout, test } from "bun:test";
import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tinyGguf } from "../../helpers/model-files.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { openWatchWorld } from "./watching.ts";

setDefaultTimeout(30_000);

const gguf = (seed: number) => tinyGguf({ seed });

test("a list gives files and folders their names", async () => {
  await using world = await openWatchWorld();
  await world.put({
    "model_registry.json": JSON.stringify([
      { id: "acme/one", path: "a.gguf", name: "One", version: "1", size: 5, capability: ["chat"] },
      { id: "acme/two", path: "./nested/deep/" },
      { id: "acme/three", path: join(world.folder, "nested/c.gguf") },
      { id: "acme/four", path: "later.gguf" },
    ]),
    "a.gguf": gguf(1),
    "nested/deep/b.gguf": gguf(2),
    "nested/c.gguf": gguf(3),
    "nested/d.gguf": gguf(4),
  });
  await world.untilModels("acme/one", "acme/three", "acme/two", "nested");
  expect((await world.view()).refused).toMatchObject([
    { path: join(world.folder, "later.gguf"), error: { code: "FILE_NOT_FOUND" } },
  ]);
  const [version = ""] = world.versions("nested");
  expect(world.registry().findVersion("nested", version)?.files.map(({ path }) => path)).toEqual(["d.gguf"]);
});

test("a hostile list names nothing outside, is refused entry by entry, and opens nothing", async () => {
  await using world = await openWatchWorld();
  const outside = join(world.home, "..", "secret.gguf");
  await writeFile(outside, gguf(9));
  await symlink(outside, join(world.folder, "link.gguf"));
  await Bun.spawn(["mkfifo", join(world.folder, "pipe.gguf")]).exited;
  await world.put({
    "model_registry.json": JSON.stringify([
      ...[{ id: "dots", path: "../secret.gguf" }, { id: "outside", path: outside }],
      ...[{ id: "home", path: world.home }, { id: "link", path: "link.gguf" }, {
        id: "pipe",
        path: "pipe.gguf",
      }],
      ...[{ id: "../up", path: "a.gguf" }, { id: 5, path: "a.gguf" }, { id: "nopath" }, null, "text", []],
      ...[{ id: "api", path: "a.gguf" }, { id: "x".repeat(200), path: "a.gguf" }, { id: "empty", path: "" }],
      { id: "nul", path: "a\0.gguf" },
      { id: "good", path: "a.gguf", __proto__: { id: "evil" } },
      { id: "twice", path: "a.gguf" },
      { id: "good", path: "b.gguf" },
    ]),
    "a.gguf": gguf(1),
    "b.gguf": gguf(2),
  });
  await world.untilModels("b", "good");
  const { refused } = await world.view();
  expect(refused.map(({ path, error }) => `${path.slice(world.folder.length + 1)} ${error.code}`)).toEqual([
    ...["link.gguf FILE_NOT_FOUND", "pipe.gguf FILE_NOT_FOUND"],
    ...[0, 1, 2].map((index) => `model_registry.json[${index}] BAD_PATH`),
    ...[[5, "BAD_NAME"], [6, "BAD_SOURCE"], [7, "BAD_SOURCE"], [8, "BAD_SOURCE"], [9, "BAD_SOURCE"]].map(
      entry,
    ),
    ...[[10, "BAD_SOURCE"], [11, "BAD_NAME"], [12, "BAD_NAME"], [13, "BAD_SOURCE"], [14, "BAD_PATH"]].map(
      entry,
    ),
    ...[[16, "BAD_SOURCE"], [17, "BAD_SOURCE"]].map(entry),
  ]);
});

function entry([index, code]: ReadonlyArray<number | string>): string {
  return `model_registry.json[${index}] ${code}`;
}

test.each([
  ["no JSON", '[{"id": "one"'],
  ["no array", '{"id": "one", "path": "a.gguf"}'],
  ["too long", `[${" ".repeat(1024 * 1024)}]`],
  ["too many", JSON.stringify(Array.from({ length: 1001 }, (_, id) => ({ id: `m${id}`, path: "a.gguf" })))],
  ["deep", "[".repeat(100_000)],
])("a damaged list (%s) is told, and files have their own names", async (_, text) => {
  await using world = await openWatchWorld();
  await world.put({ "model_registry.json": text, "a.gguf": gguf(1) });
  await world.untilModels("a");
  expect((await world.view()).reason).toContain("model_registry.json");
  const health = await world.library().health();
  expect(health).toMatchObject({ ready: true, status: "degraded" });
  expect(health.reasons).toEqual([
    { part: "watched", reason: expect.stringContaining("model_registry.json") },
  ]);
});

test("a list that changes renames, and one that is damaged later renames nothing", async () => {
  await using world = await openWatchWorld();
  const list = (id: string) => JSON.stringify([{ id, path: "a.gguf" }]);
  await world.put({ "model_registry.json": list("one"), "a.gguf": gguf(1) });
  await world.untilModels("one");
  await world.put({ "model_registry.json": list("two") });
  await world.untilModels("two");
  await world.put({ "model_registry.json": "[", "b.gguf": gguf(2) });
  await world.untilModels("b", "two");
  await world.reopen();
  await waitUntil(async () => (await world.view()).reason !== null);
  await world.put({ "c.gguf": gguf(3) });
  await world.untilModels("b", "c", "two");
});

test("two files of one name are two models, and both keep their names", async () => {
  await using world = await openWatchWorld();
  await world.put({
    "tiny.gguf": gguf(1),
    "tiny/model.gguf": gguf(2),
    "a b!.gguf": gguf(3),
    "api.gguf": gguf(4),
  });
  await waitUntil(() => world.models().length === 4);
  const models = world.models();
  expect(models).toEqual(["a-b", "model-api", "tiny", expect.stringMatching(/^tiny-[0-9a-f]{6}$/)]);
  await world.reopen();
  await world.put({ "tiny.gguf": gguf(5), "tiny/model.gguf": gguf(6) });
  await waitUntil(() => world.versions("tiny").length === 2 && world.versions(models[3] ?? "").length === 2);
  expect(world.models()).toEqual(models);
});

test("a model that is here from elsewhere keeps its name and its versions", async () => {
  await using world = await openWatchWorld({ start: false });
  const source = join(world.home, "..", "mine.gguf");
  await writeFile(source, gguf(7));
  const { id } = await world.library().importPath({ path: source, model: "tiny", version: "1.0.0" });
  await waitUntil(async () => (await world.library().getJob(id)).state === "done");
  await world.put({
    "tiny.gguf": gguf(1),
    "b.gguf": gguf(2),
    "model_registry.json": JSON.stringify([{ id: "tiny", path: "b.gguf" }]),
  });
  world.library().watched.start();
  await waitUntil(() => world.models().length === 3);
  expect(world.models()).toEqual(["b", "tiny", expect.stringMatching(/^tiny-[0-9a-f]{6}$/)]);
  expect(world.versions("tiny")).toEqual(["1.0.0"]);
  expect((await world.view()).refused.map(({ path, error }) => [path, error.code])).toEqual([
    [join(world.folder, "b.gguf"), "BAD_NAME"],
  ]);
});

test("a registry that is built again finds its models in their files, and takes none twice", async () => {
  await using world = await openWatchWorld();
  await world.put({ "tiny.gguf": gguf(1) });
  await world.untilModels("tiny");
  const versions = world.versions("tiny");
  await world.close();
  await Bun.spawn(["sh", "-c", `rm ${world.home}/registry.sqlite*`]).exited;
  await world.reopen();
  await waitUntil(async () => (await world.view()).models.length === 1);
  await world.untilModels("tiny");
  expect(world.versions("tiny")).toEqual(versions);
});

test("a renamed model that cannot be taken stays known by its name before, and is not looked at all the time", async () => {
  await using world = await openWatchWorld();
  await world.put({ "a.gguf": gguf(1) });
  await world.untilModels("a");
  await world.put({
    "a.gguf": "no model",
    "model_registry.json": JSON.stringify([{ id: "b", path: "a.gguf" }]),
  });
  await waitUntil(async () => (await world.view()).refused.length === 1);
  await Bun.sleep(300); // much longer than files have to be gone
  expect(world.models()).toEqual(["a"]);
  const { looked_at: before } = await world.view();
  await Bun.sleep(500);
  expect((await world.view()).looked_at).toBe(before);
});
