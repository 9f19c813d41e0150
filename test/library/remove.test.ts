import { expect, test } from "bun:test";
import { join } from "node:path";
import { openTestLibrary, type TestLibrary } from "../helpers/library.ts";
import { linearOnnx } from "../helpers/onnx-files.ts";
import { pseudoRandomBytes } from "../helpers/origin.ts";
import { expectSound } from "../helpers/sound.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { waitUntil } from "../helpers/wait.ts";
import { codeOf } from "../registry/fixtures.ts";

const TIMEOUT_MS = 60_000;

/** A file of its own name in one variant of `acme/tiny`. */
async function add(
  { library }: TestLibrary,
  version: string,
  variant: string,
  bytes: Uint8Array,
): Promise<void> {
  await using folder = await tempFolder();
  const path = join(folder.path, `${variant}.onnx`);
  await Bun.write(path, bytes);
  const { id } = await library.importPath({ path, model: "acme/tiny", version, variant });
  for await (const { error } of library.watchJob(id)) expect(error).toBeNull();
}

async function variantsOf({ library }: TestLibrary, version: string): Promise<string[]> {
  const { version: { variants } } = await library.describe(`acme/tiny@${version}`);
  return variants.map(({ name }) => name);
}

test("removing a variant leaves the others, and the bytes that they have too", async () => {
  await using larder = await openTestLibrary();
  const { library } = larder;
  await add(larder, "1", "q4", pseudoRandomBytes(1, 400));
  await add(larder, "1", "q8", pseudoRandomBytes(2, 800));
  await add(larder, "2", "q4", pseudoRandomBytes(1, 400));
  await add(larder, "3", "q4", pseudoRandomBytes(3, 300));
  await add(larder, "3", "q8", pseudoRandomBytes(4, 100));

  expect(await library.remove("acme/tiny@1:q4")).toEqual({
    ...{ model: "acme/tiny", variant: "q4", versions: ["1"], bytes_freed: 0 },
  });
  expect(await variantsOf(larder, "1")).toEqual(["q8"]);
  expect(await library.remove("acme/tiny:q4")).toEqual({
    ...{ model: "acme/tiny", variant: "q4", versions: ["3", "2"], bytes_freed: 700 },
  });
  expect([await variantsOf(larder, "1"), await variantsOf(larder, "3")]).toEqual([["q8"], ["q8"]]);
  // Its only variant was its all.
  expect((await library.describe("acme/tiny")).versions.map(({ version }) => version)).toEqual(["3", "1"]);
  for (const reference of ["acme/tiny:q4", "acme/tiny@3:q4"]) {
    expect(await codeOf(library.remove(reference))).toBe("VARIANT_NOT_FOUND");
  }
  expect((await library.catalog.usage()).total_bytes).toBe(900);
  await expectSound(larder);
});

test("a variant that is removed leaves the memory, the one beside it stays", async () => {
  await using larder = await openTestLibrary({ models: { pullsOnUse: false } });
  const { library } = larder;
  for (const variant of ["one", "two"]) {
    await add(larder, "1", variant, linearOnnx());
    await library.models.load({ model: "acme/tiny", variant });
  }
  await library.remove("acme/tiny:one");
  const loaded = () => library.models.cacheStats().cached_models.map(({ variant }) => variant);
  await waitUntil(() => !loaded().includes("one"));
  expect(loaded()).toEqual(["two"]);
  expect(await codeOf(library.models.load({ model: "acme/tiny", variant: "one" }))).toBe("VARIANT_NOT_FOUND");
}, TIMEOUT_MS);
