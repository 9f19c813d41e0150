import { expect, test } from "bun:test";
import { CLEARING, UNUSED, USAGE, USE } from "../http/catalog-stand-in.ts";
import { CACHE_INFO } from "../http/listing-stand-in.ts";
import { STATS } from "../http/models-stand-in.ts";
import { larder } from "./harness.ts";
import { serving } from "./serving.ts";

test.each<[string, unknown[], object]>([
  ["--oldest", ["oldest", 50], { variants: [UNUSED, USE] }],
  ["--least-used", ["leastUsed", 50], { variants: [UNUSED, USE] }],
  ["--loaded", ["cached", { where: "memory", limit: 50 }], { variants: [USE] }],
])("list %s asks the server and shows how variants were used", async (flag, call, document) => {
  await using s = await serving();
  const { code, stdout } = await s.larder("list", flag);
  expect(code).toBe(0);
  const [title, ...rows] = stdout.trimEnd().split("\n");
  expect(title).toMatch(/^MODEL +USES +LAST USED +LOAD +SIZE +IN MEMORY$/);
  expect(rows.at(-1)).toMatch(
    /^iris@2\.0\.0:default +7 +2023-11-1[45] \d\d:\d\d +13 ms +1\.0 KiB +2\.0 KiB$/,
  );
  if (flag !== "--loaded") expect(rows[0]).toMatch(/^acme\/tiny@2\.0\.0:default +0 +never +1\.0 KiB$/);
  expect(s.library.catalog.calls).toEqual([call] as never);
  expect((await s.larder("list", flag, "--json")).documents).toEqual([document] as never);
});

test.each([["list --oldest --loaded"], ["list phi --least-used"], ["list --oldest --limit 1001"], ["clear"]])(
  "%s is refused before anything is asked",
  async (line) => {
    await using s = await serving();
    expect((await s.larder(...line.split(" "))).code).toBe(2);
    expect(s.library.catalog.calls).toEqual([]);
  },
);

test("stats shows the disk and, of a server, its memory", async () => {
  await using s = await serving();
  const { code, stdout } = await s.larder("stats");
  expect(code).toBe(0);
  expect(stdout.trimEnd().split("\n")).toEqual([
    "models:       2 in 3 versions",
    "size:         3.0 GiB in 5 blobs",
    "disk budget:  75 % of 4.0 GiB",
    "disk:         40.0 GiB of 100.0 GiB free",
    "in memory:    1 of 3 models, 2.0 KiB of 1.0 MiB",
    "found loaded: 75 % of 8 requests",
    "loads:        2, 1 failed, mean 11 ms",
    "evictions:    1",
    "listings:     50 % of 2 requests answered as before",
  ]);
  expect((await s.larder("stats", "--json")).documents).toEqual(
    [{ usage: USAGE, cache: STATS, listing: CACHE_INFO }] as never,
  );
});

test("stats without a server shows what is on the disk only", async () => {
  const catalog = {
    usage: async () => ({ ...USAGE, budget_bytes: null, usage_percent: null, disk: null }),
  };
  const { stdout } = await larder(["stats"], { api: { catalog } as never });
  expect(stdout.trimEnd().split("\n")).toEqual([
    "models:      2 in 3 versions",
    "size:        3.0 GiB in 5 blobs",
    "disk budget: none",
    "disk:        unknown",
  ]);
  const { documents } = await larder(["stats", "--json"], { api: { catalog } as never });
  expect(documents).toEqual([{ usage: await catalog.usage(), cache: null, listing: null }]);
});

test("clear says what went and what stayed", async () => {
  const result = {
    ...{ models: 1, versions: 2, bytes_freed: 3 * 1024 ** 2 },
    left_out: [{ model: "acme/tiny", reason: "pull p1 is running" }],
  };
  const done = { ...CLEARING, state: "done", result };
  const asked: unknown[] = [];
  const told = await larder(["clear", "--yes"], {
    api: {
      catalog: { clear: async (request: unknown) => (asked.push(request), CLEARING) },
      async *watchJob() {
        yield done;
      },
    } as never,
  });
  expect([told.code, asked]).toEqual([0, [{ confirm: true }]] as never);
  expect(told.stdout).toBe(
    "Removed 1 model with 2 versions, 3.0 MiB\nLeft out acme/tiny: pull p1 is running\n",
  );
});
