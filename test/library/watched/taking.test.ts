import { expect, setDefaultTimeout, test } from "bun:test";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { deriveVersion } from "../../../src/library/version-writer.ts";
import { sha256 } from "../../../src/core/index.ts";
import { tinyGguf, tinySafetensors } from "../../helpers/model-files.ts";
import { externalOnnx, linearOnnx } from "../../helpers/onnx-files.ts";
import { waitUntil } from "../../helpers/wait.ts";
import { openWatchWorld } from "./watching.ts";

setDefaultTimeout(30_000);

test("a file becomes a model named after it, is described, answers, and stays as it was", async () => {
  await using world = await openWatchWorld();
  const bytes = linearOnnx();
  await world.put({ "iris.onnx": bytes });
  const before = await stat(join(world.folder, "iris.onnx"));
  await world.untilModels("iris");
  const version = deriveVersion([{ path: "iris.onnx", digest: sha256(bytes) }]);
  expect(world.versions("iris")).toEqual([version]);
  const { models } = world.library();
  expect(await models.metadata({ model: "iris" })).toMatchObject({ runtime: "onnx", variant: "default" });
  const answer = await models.predict({ model: "iris", inputs: [[1, 2, 3, 4]] });
  expect(answer.version).toBe(version);
  const after = await stat(join(world.folder, "iris.onnx"));
  expect([after.mtimeMs, after.ino, after.nlink, after.mode]).toEqual([
    before.mtimeMs,
    before.ino,
    1,
    before.mode,
  ]);
  expect(await world.view()).toMatchObject({
    state: "watched",
    reason: null,
    models: [{ model: "iris", version, path: join(world.folder, "iris.onnx"), files: 1, removed: false }],
    refused: [],
  });
});

test("a file with two variants' names is one, a folder of them is one model with both", async () => {
  await using world = await openWatchWorld();
  await world.put({
    "tiny-Q8_0.gguf": tinyGguf({ seed: 3 }),
    "acme/tiny/tiny-Q4_K_M.gguf": tinyGguf({ seed: 1 }),
    "acme/tiny/tiny-Q8_0.gguf": tinyGguf({ seed: 2 }),
    "acme/tiny/README.md": "# Tiny",
  });
  await world.untilModels("acme/tiny", "tiny-Q8_0");
  const variantsOf = (model: string) => {
    const [version = ""] = world.versions(model);
    return world.registry().findVersion(model, version)?.variants.map(({ name, paths }) => [name, paths]);
  };
  expect(variantsOf("acme/tiny")).toEqual([
    ["Q4_K_M", ["README.md", "tiny-Q4_K_M.gguf"]],
    ["Q8_0", ["README.md", "tiny-Q8_0.gguf"]],
  ]);
  expect(variantsOf("tiny-Q8_0")).toEqual([["Q8_0", ["tiny-Q8_0.gguf"]]]);
});

test("what belongs to a file lies beside it and comes with it", async () => {
  await using world = await openWatchWorld();
  const { model, data } = externalOnnx("linear.onnx_data");
  await world.put({
    "linear.onnx": model,
    "linear.onnx_data": data,
    "nested/model.onnx": externalOnnx().model,
    "nested/model.onnx_data": externalOnnx().data,
    "nested/config.json": "{}",
  });
  await world.untilModels("linear", "nested");
  const answer = await world.library().models.predict({ model: "linear", inputs: [[1, 2, 3, 4]] });
  expect(answer.variant).toBe("default");
  expect((await world.library().describe("nested")).version.files.map(({ path }) => path)).toEqual([
    "config.json",
    "model.onnx",
    "model.onnx_data",
  ]);
});

test("what is no model, not whole, hidden or a link is left alone, and what is broken is told", async () => {
  await using world = await openWatchWorld();
  await world.put({
    "notes.txt": "nothing",
    "photo.bin": new Uint8Array(5000),
    "cut-00001-of-00002.gguf": tinyGguf(),
    "loading.gguf.part": tinyGguf(),
    "other.safetensors.crdownload": tinySafetensors(),
    ".hidden.gguf": tinyGguf(),
    ".git/model.gguf": tinyGguf(),
    "broken.onnx": "this is no graph",
    "good.safetensors": tinySafetensors(),
  });
  await Bun.spawn(["mkfifo", join(world.folder, "pipe.gguf")]).exited;
  await Bun.spawn(["ln", "-s", "good.safetensors", join(world.folder, "link.safetensors")]).exited;
  await world.untilModels("good");
  await waitUntil(async () => (await world.view()).refused.length === 2);
  const { refused } = await world.view();
  expect(refused.map(({ path, error }) => [path.slice(world.folder.length + 1), error.code])).toEqual([
    ["broken.onnx", "MODEL_BROKEN"],
    ["cut-00001-of-00002.gguf", "VARIANT_NOT_FOUND"],
  ]);
});

test("a model without a telling name is known by its content", async () => {
  await using world = await openWatchWorld();
  await world.put({ "weights.bin": tinyGguf(), "graph": linearOnnx() });
  await world.untilModels("graph", "weights");
  expect(await world.library().models.metadata({ model: "weights" })).toMatchObject({ runtime: "gguf" });
});

test("D25: bytes are never shared with a file that its owner may change", async () => {
  await using world = await openWatchWorld();
  const bytes = linearOnnx();
  await world.put({ "iris.onnx": bytes });
  await world.untilModels("iris");
  const handle = Bun.file(join(world.folder, "iris.onnx"));
  await Bun.write(handle, new Uint8Array(bytes.length));
  expect(new Uint8Array(await readFile(world.store().blobPath(sha256(bytes))))).toEqual(bytes);
});

test("a file that goes takes its model and its bytes with it", async () => {
  await using world = await openWatchWorld();
  const bytes = linearOnnx();
  await world.put({ "iris.onnx": bytes, "good.safetensors": tinySafetensors() });
  await world.untilModels("good", "iris");
  await rm(join(world.folder, "iris.onnx"));
  await world.untilModels("good");
  await waitUntil(async () => !await Bun.file(world.store().blobPath(sha256(bytes))).exists());
  await rm(join(world.folder, "good.safetensors"));
  await world.untilModels();
});

test("a model that is being taken is not asked of a hub meanwhile", async () => {
  await using world = await openWatchWorld({ settleMs: 60_000 });
  await world.put({ "iris.onnx": linearOnnx() });
  await waitUntil(() => world.pending().length === 1);
  const { models } = world.library();
  const error = await models.predict({ model: "iris", inputs: [[1, 2, 3, 4]] }).catch((error: unknown) =>
    error
  );
  expect(error).toMatchObject({ code: "MODEL_LOADING", retryable: true });
  expect(await world.library().listPulls()).toEqual([]);
});
