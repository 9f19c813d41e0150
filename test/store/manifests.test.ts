import { expect, test } from "bun:test";
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { codeOf, openStore } from "./store-fixture.ts";

test("manifests are written, replaced, read and removed", async () => {
  await using home = await openStore();
  await home.store.writeManifest("acme/tiny", "1.0.0", { n: 1 });
  await home.store.writeManifest("acme/tiny", "1.0.0", { n: 2 });
  await home.store.writeManifest("acme/tiny", "2.0.0", { n: 3 });
  expect(JSON.parse(await readFile(join(home.home, "manifests/acme+tiny/1.0.0.json"), "utf8"))).toEqual({
    n: 2,
  });
  expect(await Array.fromAsync(home.store.readManifests())).toEqual([{ n: 2 }, { n: 3 }]);
  expect(await readdir(join(home.home, "incoming"))).toEqual([]);
  await home.store.removeManifest("acme/tiny", "1.0.0");
  await home.store.removeManifest("acme/tiny", "1.0.0");
  expect(await Array.fromAsync(home.store.readManifests())).toEqual([{ n: 3 }]);
  await home.store.removeManifest("acme/tiny", "2.0.0");
  expect(existsSync(join(home.home, "manifests/acme+tiny"))).toBe(false);
});

test("manifests that cannot be read are passed over", async () => {
  await using home = await openStore();
  for (const version of ["1", "2", "3"]) await home.store.writeManifest("iris", version, { version });
  const folder = join(home.home, "manifests/iris");
  await truncate(join(folder, "2.json"), 5);
  await writeFile(join(home.beside, "secret"), '{"secret":true}');
  await symlink(join(home.beside, "secret"), join(folder, "4.json"));
  await mkdir(join(folder, "5.json"));
  await symlink(home.beside, join(home.home, "manifests/other"));
  expect(await Array.fromAsync(home.store.readManifests())).toEqual([{ version: "1" }, { version: "3" }]);
});

test("D23: a link in the place of a manifest is replaced, and one in the place of a model's folder refused", async () => {
  await using home = await openStore();
  const target = join(home.beside, "target");
  await writeFile(target, "precious");
  await home.store.writeManifest("iris", "1", {});
  await symlink(target, join(home.home, "manifests/iris/2.json"));
  await home.store.writeManifest("iris", "2", { n: 2 });
  expect(await readFile(target, "utf8")).toBe("precious");
  await symlink(home.beside, join(home.home, "manifests/other"));
  expect(await codeOf(() => home.store.writeManifest("other", "1", {}))).toBe("UNSAFE_PATH");
  expect(await readdir(home.beside)).toEqual(expect.not.arrayContaining(["1.json"]));
});

test("writing and removing versions of one model at the same time keeps what was written last", async () => {
  await using home = await openStore();
  await Promise.all(Array.from({ length: 30 }, async (_, index) => {
    await home.store.writeManifest("iris", String(index), { index });
    if (index % 2 === 0) await home.store.removeManifest("iris", String(index));
  }));
  expect((await Array.fromAsync(home.store.readManifests())).length).toBe(15);
});
