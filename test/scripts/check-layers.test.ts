import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { findBreaches } from "../../scripts/check-layers.ts";

const SCRIPT = resolve(import.meta.dir, "../../scripts/check-layers.ts");

async function inTree<T>(files: Record<string, string>, work: (src: string) => Promise<T>): Promise<T> {
  const src = await mkdtemp(join(tmpdir(), "larder-layers-"));
  try {
    for (const [path, text] of Object.entries(files)) await Bun.write(join(src, path), text);
    return await work(src);
  } finally {
    await rm(src, { recursive: true, force: true });
  }
}

const breachesOf = (files: Record<string, string>) => inTree(files, findBreaches);

test("findBreaches() accepts imports down the house, inside a folder and of packages", async () => {
  expect(
    await breachesOf({
      "main.ts": `import { wire } from "./wire.ts"; wire();`,
      "wire.ts": `import { a } from "./library/index.ts"; import { c } from "./cluster/index.ts"; a(c);`,
      "library/index.ts": `export { a } from "./pull.ts";`,
      "library/pull.ts": `import { s } from "../store/index.ts"; import { z } from "zod"; s(z);`,
      "http/native/models.ts":
        `import { a } from "../../library/index.ts"; import { b } from "../table.ts"; a(b);`,
      "store/types.d.ts": `import { x } from "../http/index.ts";`,
    }),
  ).toEqual([]);
});

test("findBreaches() accepts a type from the same line or below, through index.ts or types.ts", async () => {
  expect(
    await breachesOf({
      "store/a.ts": `import type { R } from "../registry/index.ts"; export type A = R;`,
      "store/b.ts": `import { type R } from "../registry/types.ts"; export type B = R;`,
      "store/c.ts": `export type { R } from "../registry/types.ts";`,
      "store/d.ts": `export type D = import("../registry/types.ts").R;`,
      "cli/e.ts": `import type { R } from "../registry/index.ts"; export type E = R;`,
    }),
  ).toEqual([]);
});

const BAD: readonly (readonly [why: string, path: string, source: string, breach: string])[] = [
  [
    "a value from above",
    "core/a.ts",
    `import { s } from "../store/index.ts"; s();`,
    "core/a.ts: core may not import a value from store",
  ],
  [
    "a value from the side",
    "store/a.ts",
    `import { r } from "../registry/index.ts"; r();`,
    "store/a.ts: store may not import a value from registry",
  ],
  [
    "a value from the side by export",
    "store/a.ts",
    `export * from "../registry/index.ts";`,
    "store/a.ts: store may not import a value from registry",
  ],
  [
    "a value from the side at run time",
    "store/a.ts",
    `await import("../registry/index.ts");`,
    "store/a.ts: store may not import a value from registry",
  ],
  [
    "a value from below that its row does not name",
    "http/a.ts",
    `import { s } from "../store/index.ts"; s();`,
    "http/a.ts: http may not import a value from store",
  ],
  [
    "cluster from anywhere but wire.ts",
    "library/a.ts",
    `import { c } from "../cluster/index.ts"; c();`,
    "library/a.ts: library may not import a value from cluster",
  ],
  [
    "a type from above",
    "store/a.ts",
    `import type { L } from "../library/index.ts"; export type A = L;`,
    "store/a.ts: store may not import a type from library",
  ],
  [
    "a file inside another folder",
    "library/a.ts",
    `import { w } from "../store/writer.ts"; w();`,
    "library/a.ts: imports store/writer.ts; outside of store only its index.ts is known",
  ],
  [
    "a type of a file inside another folder",
    "library/a.ts",
    `import type { W } from "../store/writer.ts"; export type A = W;`,
    "library/a.ts: imports store/writer.ts; outside of store only its index.ts is known",
  ],
  [
    "a value out of types.ts of another folder",
    "library/a.ts",
    `import { W } from "../store/types.ts"; W();`,
    "library/a.ts: imports store/types.ts; outside of store only its index.ts is known",
  ],
  [
    "wire.ts from below",
    "cli/a.ts",
    `import { wire } from "../wire.ts"; wire();`,
    "cli/a.ts: cli may not import a value from wire.ts",
  ],
  [
    "a file outside of src",
    "core/a.ts",
    `import { b } from "../../scripts/build.ts"; b();`,
    "core/a.ts: imports ../scripts/build.ts, which has no place in the house",
  ],
  [
    "a worker of another folder",
    "download/a.ts",
    `import { spawnWorker } from "../core/index.ts"; spawnWorker("store/hash");`,
    "download/a.ts: download may not start a worker of store",
  ],
  ["an unknown folder", "utils/a.ts", `export const a = 1;`, "utils/a.ts: utils has no place in the house"],
  [
    "an unknown file at the top",
    "helpers.ts",
    `export {};`,
    "helpers.ts: helpers.ts has no place in the house",
  ],
];

for (const [why, path, source, breach] of BAD) {
  test(`findBreaches() names ${why}`, async () => {
    expect(await breachesOf({ [path]: source })).toEqual([breach]);
  });
}

test("the script exits with 1 and prints the breach", async () => {
  const run = await inTree(
    { "utils/a.ts": "export {};" },
    (src) => Promise.resolve(Bun.spawnSync([process.execPath, SCRIPT, src])),
  );
  expect(run.exitCode).toBe(1);
  expect(run.stderr.toString()).toContain("utils/a.ts: utils has no place in the house");
});
