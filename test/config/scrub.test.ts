import { expect, test } from "bun:test";
import { failure, FILE, load } from "./loading.ts";

test("the scrub reads 10 MiB/s all day and everything once a week, unless it is told otherwise", () => {
  const { scrubBytesPerS, scrubHours, scrubEveryS } = load();
  expect([scrubBytesPerS, scrubHours, scrubEveryS]).toEqual([10_485_760, "", 604_800]);
  const config = load({
    flags: { scrubBytesPerS: "50MB" },
    env: { LARDER_SCRUB_HOURS: "22-6" },
    files: { [FILE]: "scrub_every_s = 86400" },
  });
  expect([config.scrubBytesPerS, config.scrubHours, config.scrubEveryS]).toEqual([5e7, "22-6", 86_400]);
  expect(load({ flags: { scrubBytesPerS: "0" } }).scrubBytesPerS).toBe(0);
});

test.each(["noon", "5-5", "24-3", "1-25", "1-5,7-9"])("%j is no hours for the scrub", (scrubHours) => {
  const error = failure(() => load({ flags: { scrubHours } }));
  expect([error.field, error.details?.["value"]]).toEqual(["scrub_hours", scrubHours]);
  expect(error.hint).toContain("22-6");
});
