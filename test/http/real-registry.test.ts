import { afterAll, expect, test } from "bun:test";
import { startHttp } from "../../src/http/index.ts";
import type { UseView } from "../../src/library/index.ts";
import { openTestLibrary } from "../helpers/library.ts";
import { versionOf } from "../registry/fixtures.ts";
import { CONFIG } from "./setup.ts";

/** When each came, how often it was used, and when last; all but what never was used. Unix seconds. */
const MODELS: ReadonlyArray<readonly [model: string, arrived: number, count: number, used: number]> = [
  ["often", 1000, 9, 5000],
  ["fresh", 7000, 0, 0],
  ["once-early", 2000, 1, 2500],
  ["once-late", 1500, 1, 6000],
  ["never", 3000, 0, 0],
];

const opened = openTestLibrary();
afterAll(async () => await (await opened)[Symbol.asyncDispose]());

async function asked(path: string): Promise<UseView[]> {
  const { library } = await opened;
  const server = await startHttp({ library, config: CONFIG });
  try {
    const response = await fetch(new URL(`/api/registry/${path}`, server.url));
    return (await response.json() as { variants: UseView[] }).variants;
  } finally {
    await server.stop();
  }
}

const seeded = opened.then(async ({ registry }) => {
  for (const [model, arrived] of MODELS) {
    await registry.putVersion(versionOf(model, "1", [{ path: "f", content: model }], arrived));
  }
  const variants = MODELS.filter(([, , count]) => count > 0).map(([model, , count, usedAtS]) => ({
    ...{ model, version: "1", variant: "default", count, usedAtS, loadsMs: [] },
  }));
  await registry.recordUses({ variants, hours: [], follows: [] });
});

test.each([
  ["oldest", ["once-early", "never", "often", "once-late", "fresh"]],
  ["oldest?limit=2", ["once-early", "never"]],
  ["least-used", ["never", "fresh", "once-early", "once-late", "often"]],
  ["least-used?limit=3", ["never", "fresh", "once-early"]],
  ["cached?where=disk", ["fresh", "once-late", "often", "never", "once-early"]],
])("GET /api/registry/%s answers in the order that was worked out by hand", async (path, expected) => {
  await seeded;
  expect((await asked(path)).map(({ model }) => model)).toEqual(expected);
});
