import { expect, test } from "bun:test";
import { CHANGED, OPTIONS, TUNED } from "../http/options-stand-in.ts";
import { serving } from "./serving.ts";

const TABLE = "OPTION   VALUE  SET FOR\nthreads  2      all variants\npinned   true   one variant\n";

test.each<[string, unknown[], string, object]>([
  ["options iris", ["options.find", { model: "iris" }], TABLE, OPTIONS],
  [
    "options acme/tiny:q4 threads=2 spin=true isolation=process --unset keep_alive_s",
    ["options.set", { model: "acme/tiny", variant: "q4" }, {
      threads: 2,
      spin: true,
      isolation: "process",
      keep_alive_s: null,
    }, {}],
    `${TABLE}In force now\n`,
    CHANGED,
  ],
  [
    "options iris threads=2 --no-apply",
    ["options.set", { model: "iris" }, { threads: 2 }, { apply: false }],
    `${TABLE}In force now\n`,
    CHANGED,
  ],
  ["options iris --clear", ["options.remove", { model: "iris" }, {}], `${TABLE}In force now\n`, CHANGED],
])("larder %s", async (line, call, stdout, document) => {
  await using s = await serving();
  const told = await s.larder(...line.split(" "));
  expect([told.code, told.stdout, told.stderr]).toEqual([0, stdout, ""]);
  expect(s.library.calls).toEqual([call] as never);
  expect((await s.larder(...line.split(" "), "--json")).documents).toEqual([document] as never);
});

test.each([["options iris threads"], ["options iris =2"], ["options iris a=1 --clear"]])(
  "larder %s is wrong use",
  async (line) => {
    await using s = await serving();
    expect((await s.larder(...line.split(" "))).code).toBe(2);
    expect(s.library.calls).toEqual([]);
  },
);

test("larder tune follows the job and tells what was measured and chosen", async () => {
  await using s = await serving();
  const line = "tune acme/tiny@1:q4 --runs 5 --seconds 20 --no-keep --probe [[1,2]]";
  const told = await s.larder(...line.split(" "));
  expect(s.library.calls).toContainEqual(["options.tune", {
    ...{ model: "acme/tiny", version: "1", variant: "q4" },
    ...{ runs: 5, seconds_max: 20, keep: false, probe: [[1, 2]] },
  }]);
  expect([told.code, told.stderr]).toEqual([0, ""]);
  expect(told.stdout).toBe(
    "OPTIONS            P50 MS  PRESENT         SAVES\n" +
      "threads=1           4.000   10.000        60.0 %\n" +
      "threads=2               -        -     NO_MEMORY\n" +
      "spin=true               -        -  not measured\n" +
      "threads=1 (again)   5.000   10.000        50.0 %\n" +
      "iris@2.0.0:default: threads=1 (it saves 50 % of the time), kept\n",
  );
  expect((await s.larder("tune", "iris", "--json")).documents.at(-1)).toMatchObject(
    { result: TUNED } as never,
  );
});
