import { expect, test } from "bun:test";
import { BUDGET, DISK } from "../http/budget-stand-in.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";
import { serving } from "./serving.ts";

const REPORT = `budget:   47.7 MiB
used:     45.8 MiB
reserved: 0 B
free:     8.6 MiB, of which 0 B stay free
policy:   oldest
MODEL                SIZE
acme/tiny@1:q4    1.9 MiB  goes next: used 2 times
iris@1:default  976.6 KiB  stays: pinned
`;

test("larder budget tells what may be taken, who goes next and who stays", async () => {
  await using s = await serving();
  const told = await s.larder("budget");
  expect([told.code, told.stdout, told.stderr]).toEqual([0, REPORT, ""]);
  expect((await s.larder("budget", "--json")).documents).toEqual([{ ...BUDGET, ...DISK }] as never);
});

test.each<[string, object]>([
  ["--max 80%", { bytes_max: "80%" }],
  ["--max 50GB --free-min 10% --policy cost", { bytes_max: 50e9, free_min: "10%", policy: "cost" }],
  ["--max 0", { bytes_max: 0 }],
])("larder budget %s changes that of the running server", async (flags, changes) => {
  await using s = await serving();
  const { code } = await s.larder("budget", ...flags.split(" "));
  expect(code).toBe(0);
  expect(s.library.calls[0]).toEqual(["budget.setSettings", changes]);
});

test.each(["--max 120%", "--max lots", "--free-min -1", "--policy newest"])(
  "larder budget %s is wrong use",
  async (flags) => {
    await using s = await serving();
    expect((await s.larder("budget", ...flags.split(" "))).code).toBe(2);
    expect(s.library.calls).toEqual([]);
  },
);

test("larder budget changes nothing without a server", async () => {
  await using folder = await tempFolder();
  const { code, stderr } = await larder(["budget", "--max", "1GB", "--home", folder.path]);
  expect(code).toBe(1);
  expect(stderr).toContain("no larder serves");
});
