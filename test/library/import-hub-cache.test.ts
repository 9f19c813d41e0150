import { expect, test } from "bun:test";
import { appendFile, lstat, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HubCacheImportView } from "../../src/library/index.ts";
import { CacheRepo, gitOidOf, openWorld, sha256Of, sharesBytes } from "./hub-cache.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const C = "c".repeat(40);

/** What was left out: model, path and code, sorted. */
function leftOut(view: HubCacheImportView): string[] {
  return view.skipped.map(({ model, path, error }) => `${model} ${path} ${error.code}`).sort();
}

test("a cached commit becomes a version with its variant, its alias and its sources, and no second copy", async () => {
  await using world = await openWorld();
  const repo = world.repo("models--acme--tiny");
  await repo.snapshot(A, {
    "config.json": { text: "{}", as: "git" },
    "onnx/model.onnx": "weights",
  });
  await repo.ref("main", A);
  const view = await world.run();
  expect(view.skipped).toEqual([]);
  expect(view.imported).toEqual([
    { model: "acme/tiny", version: A, variants: ["fp32"], files: 2, size_bytes: 9, modes: expect.anything() },
  ]);
  const version = world.registry.findVersion("acme/tiny", A);
  expect(version?.files).toEqual([
    {
      path: "config.json",
      digest: sha256Of("{}"),
      sizeBytes: 2,
      gitOid: "9e26dfeeb6e641a33dae4961196235bdb965b21b",
      sources: [
        { kind: "path", location: repo.blob("9e26dfeeb6e641a33dae4961196235bdb965b21b") },
        { kind: "url", location: `https://hub.example/acme/tiny/resolve/${A}/config.json` },
      ],
    },
    {
      path: "onnx/model.onnx",
      digest: sha256Of("weights"),
      sizeBytes: 7,
      sources: [
        { kind: "path", location: repo.blob(sha256Of("weights")) },
        { kind: "url", location: `https://hub.example/acme/tiny/resolve/${A}/onnx/model.onnx` },
      ],
    },
  ]);
  expect(world.registry.resolveVersion("acme/tiny", "main")).toBe(A);
  for (const [name, text] of [[sha256Of("weights"), "weights"], [gitOidOf("{}"), "{}"]] as const) {
    expect(await sharesBytes(world.store.blobPath(sha256Of(text)), repo.blob(name))).toBe(true);
  }
  expect(world.progress).toEqual({ total: 9, done: 9 });
});

test("repositories of all kinds keep their names, and what is no repository is passed over", async () => {
  await using world = await openWorld();
  for (const name of ["models--gpt2", "datasets--acme--texts", "spaces--acme--demo", "kernels--acme--fast"]) {
    await world.repo(name).snapshot(A, { "data.txt": name });
  }
  await mkdir(join(world.cache, ".locks/models--acme--tiny"), { recursive: true });
  await mkdir(join(world.cache, "models--acme--empty/.no_exist", A), { recursive: true });
  await writeFile(join(world.cache, "version.txt"), "1");
  const view = await world.run();
  expect(view.skipped).toEqual([]);
  expect(view.imported.map(({ model, variants }) => [model, variants])).toEqual([
    ["datasets/acme/texts", ["default"]],
    ["gpt2", ["default"]],
    ["spaces/acme/demo", ["default"]],
  ]);
});

test("folder names that are no repository's are told", async () => {
  await using world = await openWorld();
  for (const name of ["models--a--b--c", "models--..--etc", "models--datasets--texts", "models--api--x"]) {
    await world.repo(name).snapshot(A, { "data.txt": name });
  }
  const view = await world.run();
  expect(view.imported).toEqual([]);
  expect(leftOut(view)).toEqual([
    " models--..--etc BAD_NAME",
    " models--a--b--c BAD_NAME",
    " models--api--x BAD_NAME",
    " models--datasets--texts BAD_NAME",
  ]);
});

test("a blob with wrong bytes keeps the variants that need it from coming in, and no others", async () => {
  await using world = await openWorld();
  const repo = world.repo("models--acme--tiny-gguf");
  await repo.snapshot(A, {
    "README.md": { text: "about", as: "git" },
    "tiny-Q4_K_M.gguf": { text: "four", damaged: "FOUR" },
    "tiny-Q8_0.gguf": "eight",
  });
  await repo.ref("main", A);
  const view = await world.run();
  expect(leftOut(view)).toEqual([
    `acme/tiny-gguf models--acme--tiny-gguf/snapshots/${A}/tiny-Q4_K_M.gguf DIGEST_MISMATCH`,
  ]);
  expect(view.imported.map(({ variants, files }) => [variants, files])).toEqual([[["Q8_0"], 2]]);
  expect(world.registry.findVersion("acme/tiny-gguf", A)?.files.map(({ path }) => path)).toEqual([
    "README.md",
    "tiny-Q8_0.gguf",
  ]);
  expect(world.store.has(sha256Of("FOUR"))).toBe(false);
  expect(world.progress).toEqual({ total: 14, done: 14 });
});

test("a small file is verified by git's name, also one of the same length", async () => {
  await using world = await openWorld();
  await world.repo("models--acme--tiny").snapshot(A, {
    "config.json": { text: '{"a":1}', as: "git", damaged: '{"a":2}' },
    "model.safetensors": "weights",
  });
  await world.repo("models--acme--other").snapshot(A, {
    "config.json": { text: '{"a":1}', as: "git", damaged: '{"a":1' },
    "model.safetensors": "weights",
  });
  const view = await world.run();
  expect(view.imported).toEqual([]);
  expect(leftOut(view)).toEqual([
    `acme/other models--acme--other/snapshots/${A}/config.json DIGEST_MISMATCH`,
    `acme/tiny models--acme--tiny/snapshots/${A}/config.json DIGEST_MISMATCH`,
  ]);
  expect(world.registry.hasModel("acme/tiny")).toBe(false);
});

test("a model whose weights are not there does not come in as what is left of it", async () => {
  await using world = await openWorld();
  const repo = world.repo("models--acme--tiny");
  await repo.snapshot(A, { "config.json": { text: "{}", as: "git" }, "model.safetensors": "weights" });
  await rm(repo.blob(sha256Of("weights")));
  const view = await world.run();
  expect(view.imported).toEqual([]);
  expect(leftOut(view)).toEqual([
    `acme/tiny models--acme--tiny/snapshots/${A}/model.safetensors FILE_NOT_FOUND`,
  ]);
});

test("a blob whose name proves nothing is left out, and a plain file in a snapshot is taken as it is", async () => {
  await using world = await openWorld();
  const [plain, named] = [world.repo("models--acme--plain"), world.repo("models--acme--named")];
  await plain.snapshot(A, {
    "config.json": { text: "{}", as: "plain" },
    "model.onnx": { text: "w", as: "plain" },
  });
  await named.snapshot(A, { "a.txt": { text: "x", as: { name: "d41d8cd98f00b204e9800998ecf8427e" } } });
  await named.snapshot(B, { "a.txt": { text: "x", as: { name: `${sha256Of("x")}.incomplete` } } });
  const view = await world.run();
  expect(leftOut(view)).toEqual([
    `acme/named models--acme--named/snapshots/${A}/a.txt BAD_DIGEST`,
    `acme/named models--acme--named/snapshots/${B}/a.txt BAD_DIGEST`,
  ]);
  expect(view.imported.map(({ model, files }) => [model, files])).toEqual([["acme/plain", 2]]);
  expect(world.registry.findVersion("acme/plain", A)?.files[0]?.gitOid).toBeUndefined();
});

test("D23: nothing outside of a repository's own blobs is read, whatever a hostile cache holds", async () => {
  await using world = await openWorld();
  const secret = join(world.cache, "../secret");
  await writeFile(secret, "secret");
  const name = sha256Of("secret");
  const other = world.repo("models--acme--other");
  await other.snapshot(A, { "a.txt": "secret" });
  const repo = world.repo("models--acme--evil");
  const snapshot = await repo.snapshot(A, { "good.txt": "good" });
  await symlink("../../../../../secret", join(snapshot, "up.txt"));
  await symlink(secret, join(snapshot, "absolute.txt"));
  await symlink(repo.blob(sha256Of("good")), join(snapshot, "absolute-inside.txt"));
  await symlink(`../../../models--acme--other/blobs/${name}`, join(snapshot, "neighbour.txt"));
  await symlink("../../blobs/..", join(snapshot, "folder.txt"));
  await symlink("../../blobs", join(snapshot, "blobs-itself.txt"));
  await symlink("../../../..", join(snapshot, "walk"));
  await symlink(secret, repo.blob(name));
  await symlink(`../../blobs/${name}`, join(snapshot, "two-links.txt"));
  await mkdir(repo.blob("d".repeat(64)));
  await symlink(`../../blobs/${"d".repeat(64)}`, join(snapshot, "a-folder.txt"));
  Bun.spawnSync(["mkfifo", join(snapshot, "pipe.txt"), repo.blob("e".repeat(64))]);
  await symlink(`../../blobs/${"e".repeat(64)}`, join(snapshot, "to-pipe.txt"));
  await mkdir(join(repo.folder, "refs"));
  await symlink(secret, join(repo.folder, "refs/main"));
  Bun.spawnSync(["mkfifo", join(repo.folder, "refs/pipe")]);

  const view = await world.run({ models: ["acme/evil"] });
  expect(view.imported).toEqual([]);
  const at = `acme/evil models--acme--evil/snapshots/${A}`;
  expect(leftOut(view)).toEqual([
    `acme/evil models--acme--evil/refs/main BAD_SOURCE`,
    `acme/evil models--acme--evil/refs/pipe BAD_SOURCE`,
    ...[
      ...["a-folder", "absolute-inside", "absolute", "blobs-itself", "folder", "neighbour"],
      ...["pipe", "to-pipe", "two-links", "up"],
    ].map((file) => `${at}/${file}.txt UNSAFE_PATH`),
    `${at}/walk UNSAFE_PATH`,
  ].sort());
  expect(world.store.has(name)).toBe(false);
}, 20_000);

test("D23: folders of a repository that are links are not looked into", async () => {
  await using world = await openWorld();
  const real = world.repo("models--acme--real");
  await real.snapshot(A, { "a.txt": "one" });
  const outside = join(world.cache, "../outside");
  await new CacheRepo(outside, "repo").snapshot(A, { "a.txt": { text: "two", as: "plain" } });
  await symlink(join(outside, "repo"), join(world.cache, "models--acme--whole"));
  await mkdir(join(world.cache, "models--acme--snapshots"));
  await symlink(join(outside, "repo/snapshots"), join(world.cache, "models--acme--snapshots/snapshots"));
  await mkdir(join(world.cache, "models--acme--commit/snapshots"), { recursive: true });
  await symlink(join(outside, "repo/snapshots", A), join(world.cache, "models--acme--commit/snapshots", A));
  const blobs = world.repo("models--acme--blobs");
  await blobs.snapshot(A, { "a.txt": "one" });
  await rm(join(blobs.folder, "blobs"), { recursive: true });
  await symlink(join(real.folder, "blobs"), join(blobs.folder, "blobs"));

  const view = await world.run();
  expect(view.imported.map(({ model }) => model)).toEqual(["acme/real"]);
  expect(leftOut(view).map((line) => line.split(" ").at(-1))).toEqual(Array(4).fill("UNSAFE_PATH"));
  expect(world.store.has(sha256Of("two"))).toBe(false);
});

test("the same bytes in several snapshots are taken once", async () => {
  await using world = await openWorld();
  const repo = world.repo("datasets--acme--texts");
  await repo.snapshot(A, { "a.txt": "one", "again.txt": "one" });
  await rm(repo.blob(sha256Of("one")));
  await repo.snapshot(B, { "a.txt": "one", "b.txt": "two" });
  const view = await world.run();
  expect(view.imported.map(({ version, modes }) => [version, modes["present"] ?? 0])).toEqual([[A, 1], [
    B,
    1,
  ]]);
  expect(world.progress).toEqual({ total: 6, done: 6 });
});

test("what is present already is neither read nor linked again", async () => {
  await using world = await openWorld();
  const repo = world.repo("models--acme--tiny");
  await repo.snapshot(A, { "config.json": { text: "{}", as: "git" }, "model.onnx": "weights" });
  await world.run();
  // Bytes of the same length that were not there when it was taken: reading them would end in DIGEST_MISMATCH.
  for (const text of ["weights", "{}"]) {
    const path = repo.blob(text === "{}" ? gitOidOf(text) : sha256Of(text));
    await rm(path);
    await writeFile(path, text.toUpperCase());
  }
  const again = await world.run();
  expect(again.skipped).toEqual([]);
  expect(again.imported.map(({ modes }) => modes)).toEqual([{ present: 2 }]);
  expect((await lstat(repo.blob(sha256Of("weights")))).nlink).toBe(1);
});

test("branches become aliases where their names can, and move with the cache that knows where they were", async () => {
  await using world = await openWorld();
  const repo = world.repo("models--acme--tiny");
  await repo.snapshot(A, { "a.txt": "one" });
  await repo.ref("main", A);
  await repo.ref("v1.0", `${A}\n`);
  await repo.ref("refs/pr/1", A);
  await repo.ref("latest", A);
  await repo.ref("broken", "not a commit");
  await repo.ref("gone", C);
  const first = await world.run();
  expect(leftOut(first)).toEqual(["acme/tiny models--acme--tiny/refs/broken BAD_SOURCE"]);
  expect(world.registry.findModel("acme/tiny")?.aliases).toEqual({ "main": A, "v1.0": A });

  await repo.snapshot(B, { "a.txt": "two" });
  await repo.ref("main", B);
  await world.run();
  expect(world.registry.findModel("acme/tiny")?.aliases).toEqual({ "main": B, "v1.0": A });

  // Somebody pulled a newer commit than the cache has.
  const files = world.registry.findVersion("acme/tiny", B)?.files ?? [];
  await world.versions.add({ model: "acme/tiny", version: C, variant: "default", files, aliases: ["main"] });
  await world.run();
  expect(world.registry.findModel("acme/tiny")?.aliases["main"]).toBe(C);
});

test("a variant that is here with more files keeps them, and other bytes under its name are told", async () => {
  await using world = await openWorld();
  const repo = world.repo("models--acme--tiny");
  await repo.snapshot(A, { "config.json": { text: "{}", as: "git" }, "model.onnx": "weights" });
  await world.run();
  await rm(join(repo.folder, "snapshots", A, "config.json"));
  const fewer = await world.run();
  expect(fewer.skipped).toEqual([]);
  expect(world.registry.findVersion("acme/tiny", A)?.variants).toEqual([
    { name: "fp32", status: "downloaded", paths: ["config.json", "model.onnx"] },
  ]);
  await rm(join(repo.folder, "snapshots", A, "model.onnx"));
  await repo.snapshot(A, { "model.onnx": "others!" });
  const other = await world.run();
  expect(other.imported).toEqual([]);
  expect(leftOut(other)).toEqual([`acme/tiny models--acme--tiny/snapshots/${A} VERSION_EXISTS`]);
});

test("files of no variant are told", async () => {
  await using world = await openWorld();
  await world.repo("models--acme--tiny-gguf").snapshot(A, {
    "tiny-Q8_0.gguf": "eight",
    "mmproj-tiny-f16.gguf": "projector",
  });
  const view = await world.run();
  expect(leftOut(view)).toEqual([
    `acme/tiny-gguf models--acme--tiny-gguf/snapshots/${A}/mmproj-tiny-f16.gguf VARIANT_NOT_FOUND`,
  ]);
  expect(view.imported.map(({ variants }) => variants)).toEqual([["Q8_0"]]);
});

test("config.json tells what the weights are", async () => {
  await using world = await openWorld();
  await world.repo("models--acme--tiny").snapshot(A, {
    "config.json": { text: '{"quantization_config":{"quant_method":"gptq","bits":4}}', as: "git" },
    "model.safetensors": "weights",
  });
  expect((await world.run()).imported.map(({ variants }) => variants)).toEqual([["gptq-4bit"]]);
});

test("an import asked to copy leaves the cache with its own bytes", async () => {
  await using world = await openWorld();
  const repo = world.repo("models--acme--tiny");
  await repo.snapshot(A, { "model.onnx": "weights" });
  expect((await world.run({ mode: "copy" })).imported.map(({ modes }) => modes)).toEqual([{ copy: 1 }]);
  await appendFile(repo.blob(sha256Of("weights")), "!");
  expect(await readFile(world.store.blobPath(sha256Of("weights")), "utf8")).toBe("weights");
});

test("only the models that are named come in, and one that is not there is told", async () => {
  await using world = await openWorld();
  for (const name of ["models--acme--one", "models--acme--two"]) {
    await world.repo(name).snapshot(A, { "a.txt": name });
  }
  const view = await world.run({ models: ["acme/two", "acme/three"] });
  expect(view.imported.map(({ model }) => model)).toEqual(["acme/two"]);
  expect(leftOut(view)).toEqual(["acme/three  MODEL_NOT_FOUND"]);
});

test("a folder that is none, or a relative path, is refused", async () => {
  await using world = await openWorld();
  await writeFile(join(world.cache, "file"), "");
  const codeOf = async (path: string) => {
    try {
      await world.run({ path });
    } catch (error) {
      return (error as { code?: string }).code;
    }
    return undefined;
  };
  expect(await codeOf(join(world.cache, "nothing"))).toBe("BAD_SOURCE");
  expect(await codeOf(join(world.cache, "file"))).toBe("BAD_SOURCE");
  expect(await codeOf("hub")).toBe("BAD_PATH");
});

test("an import that is aborted ends with the reason; what came in whole stays", async () => {
  await using world = await openWorld();
  await world.repo("models--acme--one").snapshot(A, { "a.txt": "one" });
  await world.run();
  await world.repo("models--acme--two").snapshot(A, { "a.txt": "two" });
  const stop = new AbortController();
  const reason = new Error("enough");
  stop.abort(reason);
  const error = await world.run({}, stop.signal).catch((thrown: unknown) => thrown);
  expect(error).toBe(reason);
  expect([world.registry.hasModel("acme/one"), world.registry.hasModel("acme/two")]).toEqual([true, false]);
});
