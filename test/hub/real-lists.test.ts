import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { findVariants } from "../../src/hub/index.ts";

const FOLDER = join(import.meta.dir, "real-lists");

const paths = z.array(z.string());
const groups = z.record(z.string(), paths);
const listSchema = z.strictObject({
  repository: z.string(),
  source: z.string(),
  complete: z.boolean(),
  files: z.array(z.strictObject({ path: z.string(), size: z.number().optional() })),
  config: z.unknown().optional(),
  expected: groups,
  own: groups.default({}),
  common: paths,
  sidecars: paths.default([]),
  ignored: paths.default([]),
});

test.each(readdirSync(FOLDER).filter((name) => name.endsWith(".json")))("variants of %s", async (name) => {
  const list = listSchema.parse(await Bun.file(join(FOLDER, name)).json());
  const files = list.files.map(({ path, size }) => ({ path, sizeBytes: size ?? 1, gitOid: "0".repeat(40) }));
  const { variants, common, sidecars } = findVariants(files, list.config);
  const shared = new Set(common);
  const own = variants.map(({ name, files, weightFiles }) =>
    [name, files.filter((path) => !shared.has(path) && !weightFiles.includes(path))] as const
  );
  const used = new Set([...variants.flatMap((variant) => variant.files), ...sidecars]);
  expect({
    expected: Object.fromEntries(variants.map(({ name, weightFiles }) => [name, weightFiles])),
    own: Object.fromEntries(own.filter(([, files]) => files.length > 0)),
    common,
    sidecars,
    ignored: files.map(({ path }) => path).filter((path) => !used.has(path)).sort(),
  }).toEqual({
    expected: sortedGroups(list.expected),
    own: sortedGroups(list.own),
    common: list.common.toSorted(),
    sidecars: list.sidecars.toSorted(),
    ignored: list.ignored.toSorted(),
  });
});

function sortedGroups(given: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(given).map(([name, files]) => [name, files.toSorted()]));
}
