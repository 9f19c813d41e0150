import { expect, test } from "bun:test";
import { join, resolve } from "node:path";
import packageJson from "../../package.json" with { type: "json" };

const ROOT = resolve(import.meta.dir, "../..");

test("the lockfile names no address, so packages come from the registry that the user configured", async () => {
  expect(await Bun.file(join(ROOT, "bun.lock")).text()).not.toMatch(/https?:/);
});

test("every dependency is pinned to one version", () => {
  const versions = Object.entries({ ...packageJson.dependencies, ...packageJson.devDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test("the pinned Bun is the one that the container is built with", async () => {
  const pinned = (await Bun.file(join(ROOT, ".bun-version")).text()).trim();
  expect(await Bun.file(join(ROOT, "Dockerfile")).text()).toContain(`FROM oven/bun:${pinned}-`);
});
