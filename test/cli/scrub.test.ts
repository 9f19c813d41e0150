import { expect, test } from "bun:test";
import type { ScrubReport } from "../../src/library/index.ts";
import { SCRUB } from "../http/scrub-stand-in.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";
import { serving } from "./serving.ts";

const REPORT: ScrubReport = { ...SCRUB, position: null, lost: [] };

test.each<[string[], unknown[]]>([
  [["scrub"], ["report"]],
  [["scrub", "run"], ["run"]],
  [["scrub", "pause"], ["configure", { paused: true }]],
  [["scrub", "resume"], ["configure", { paused: false }]],
  [["scrub", "set", "--rate", "50MiB", "--hours", "22-6"], ["configure", {
    rate_bytes_per_s: 50 * 2 ** 20,
    hours: "22-6",
  }]],
  [["scrub", "set", "--hours", ""], ["configure", { hours: "" }]],
])("%j asks the server", async (argv, call) => {
  await using s = await serving();
  const told = await s.larder(...argv, "--json");
  expect([told.code, told.stderr]).toEqual([0, ""]);
  expect(told.documents[0]).toMatchObject({ rate_bytes_per_s: 10, lost: [] });
  expect(s.library.scrub.calls).toEqual([call] as never);
});

test("scrub shows how far it is, and what was lost with the reason", async () => {
  await using s = await serving();
  Object.assign(s.library.scrub, {
    report: () =>
      Promise.resolve(
        {
          ...REPORT,
          lost: [{
            ...{ sha256: "ab12", size_bytes: 5, state: "damaged", used_by: ["iris@1/model.onnx"], tries: 2 },
            next_try_at: null,
            error: { code: "DNS", message: "Cannot find the host", retryable: true },
          }],
        } satisfies ScrubReport,
      ),
  });
  const { code, stdout } = await s.larder("scrub");
  expect(code).toBe(0);
  expect(stdout).toContain("state:           waiting\n");
  expect(stdout).toContain("rate:            10 B/s\n");
  expect(stdout).toContain("hours:           1-5\n");
  expect(stdout).toContain("this pass:       1 B of 2 B\n");
  expect(stdout).toContain("found so far:    5 damaged or missing, 6 repaired\n");
  expect(stdout).toContain(
    "ab12  damaged, 2 failed repairs: Cannot find the host\n  used by iris@1/model.onnx\n",
  );
});

test("scrub refuses a rate that is none, and needs a server", async () => {
  await using s = await serving();
  expect((await s.larder("scrub", "set", "--rate", "fast")).code).toBe(2);
  expect((await s.larder("scrub", "set", "--hours", "noon")).code).toBe(2);
  await using folder = await tempFolder();
  expect((await larder(["scrub", "--home", folder.path])).stderr).toContain("no larder serves");
});
